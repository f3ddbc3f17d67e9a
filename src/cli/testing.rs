//! An output whose words tests can read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crate::cli::output::Output;

/// What was printed.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    out: Shared,
    err: Shared,
}

#[derive(Debug, Default, Clone)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Printed {
    /// An output that ends here.
    pub(crate) fn output(&mut self, width: u16) -> Output {
        Output::into_writers(Box::new(self.out.clone()), Box::new(self.err.clone()), width)
    }

    /// What went to stdout.
    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.out.0.lock().unwrap().clone()).unwrap()
    }

    /// What went to stderr.
    pub(crate) fn err(&self) -> String {
        String::from_utf8(self.err.0.lock().unwrap().clone()).unwrap()
    }
}
