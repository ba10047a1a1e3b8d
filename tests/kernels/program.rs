//! The released program, as the live tests' module of this name runs the one that was built.

use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Where it is.
pub(crate) fn path() -> &'static Path {
    Path::new("/tcpctl")
}

/// Starts it with pipes for what it says.
pub(crate) fn start(arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut command = Command::new(path());
    let mut child =
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    (child, output)
}

/// What it says on standard error until it ends, and its exit code.
pub(crate) fn complaint(mut child: Child) -> (String, Option<i32>) {
    let mut told = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut told).expect("text");
    (told, child.wait().expect("a child").code())
}
