//! The columns of the table of sockets.

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketColumn {
    /// State.
    State,
    /// Address and port at this end.
    Local,
    /// Address and port at the other end.
    Peer,
    /// Who holds it.
    Owner,
    /// What waits to be read, and to be acknowledged.
    Queue,
    /// What its timer does next.
    Next,
    /// When it ends.
    Dies,
}

impl SocketColumn {
    /// All, in the order in which they stand.
    pub const ALL: [Self; 7] = [Self::State, Self::Local, Self::Peer, Self::Owner, Self::Queue, Self::Next, Self::Dies];

    /// Its name, in the file of settings and after `:set columns`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Local => "local",
            Self::Peer => "peer",
            Self::Owner => "owner",
            Self::Queue => "queue",
            Self::Next => "next",
            Self::Dies => "dies",
        }
    }
}
