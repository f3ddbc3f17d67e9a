//! How many heaps the C library's allocator keeps, and how much in them that is free.

/// As many as may be waited for where two threads allocate at once; eight for each processor is glibc's own choice.
#[cfg(target_env = "gnu")]
const HEAPS: libc::c_int = 2;

/// Has all threads share a few heaps. Says whether they do from here on; only glibc has several.
///
/// By itself glibc makes heaps for threads that meet, and what was freed in one is of no use to another: a process whose
/// threads come and go holds many times what it needs, and more the longer it lives.
#[must_use]
pub fn keep_few_heaps() -> bool {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: `mallopt` takes two numbers and no pointer; it takes the allocator's own locks, so that it may be
        // called at any time and by any thread.
        let done = unsafe { libc::mallopt(libc::M_ARENA_MAX, HEAPS) };
        done == 1
    }
    #[cfg(not(target_env = "gnu"))]
    true
}

/// Gives back to the system what is free in all heaps. Says whether that was anything.
#[must_use]
pub fn give_back() -> bool {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: `malloc_trim` takes a number and no pointer, and touches only what is free; it takes the allocator's own
        // locks, so that it may be called at any time and by any thread.
        let done = unsafe { libc::malloc_trim(0) };
        done == 1
    }
    #[cfg(not(target_env = "gnu"))]
    false
}
