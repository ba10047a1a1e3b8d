//! Edge.

/// Runs the terminal interface until the user leaves it.
///
/// # Errors
/// When the terminal cannot be set up.
pub fn main(_proc_root: &std::path::Path, _netns: Option<&str>, _state_dir: &std::path::Path) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
