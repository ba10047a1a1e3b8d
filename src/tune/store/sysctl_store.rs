//! Where sysctls are read and written.

use crate::sys::{SysctlError, SysctlFiles};
use crate::units::SysctlKey;

/// Sysctls that can be read and written: the kernel's, or a stand-in in tests.
pub trait SysctlStore {
    /// Reads a value as the kernel writes it.
    ///
    /// # Errors
    /// Absent, denied or failed.
    fn read(&self, key: &SysctlKey) -> Result<String, SysctlError>;

    /// Writes a value.
    ///
    /// # Errors
    /// Absent, denied, refused or failed.
    fn write(&self, key: &SysctlKey, value: &str) -> Result<(), SysctlError>;

    /// Whether this process may write the key; nothing is written.
    ///
    /// # Errors
    /// Absent, denied or failed.
    fn check_writable(&self, key: &SysctlKey) -> Result<(), SysctlError>;
}

impl SysctlStore for SysctlFiles {
    fn read(&self, key: &SysctlKey) -> Result<String, SysctlError> {
        Self::read(self, key)
    }

    fn write(&self, key: &SysctlKey, value: &str) -> Result<(), SysctlError> {
        Self::write(self, key, value)
    }

    fn check_writable(&self, key: &SysctlKey) -> Result<(), SysctlError> {
        Self::check_writable(self, key)
    }
}
