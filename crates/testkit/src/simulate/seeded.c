/* Random bytes for a simulated process: the same for the same seed. Loaded in front of the system's own getrandom(2),
 * which everything in the process draws from: hash maps, jitter, names, secrets, tokio's choice of branches. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

static uint64_t state;
static int is_seeded;

ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    unsigned char *bytes = buffer;
    (void)flags;
    if (!is_seeded) {
        const char *seed = getenv("DEVICEDROP_SIMULATED_SEED");
        state = seed ? strtoull(seed, NULL, 10) : 0;
        is_seeded = 1;
    }
    for (size_t at = 0; at < length; at++) {
        uint64_t mixed = (state += 0x9E3779B97F4A7C15u);
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
        bytes[at] = (unsigned char)(mixed >> 56);
    }
    return (ssize_t)length;
}
