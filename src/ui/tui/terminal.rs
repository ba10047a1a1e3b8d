//! The terminal: raw and on its other screen while the interface runs, as it was afterwards, whatever happens.

use std::io::{self, Stdout, Write};
use std::mem::ManuallyDrop;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::style::Print;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};

use super::clipboard;

/// Whether the terminal is ours now; asked by the panic hook, which has no other way to know.
static ENTERED: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Presses of buttons and the wheel, in the form that has no limit of columns. The terminal library would ask for
/// every movement as well, which is traffic for nothing.
const LISTEN_TO_MOUSE: &str = "\u{1b}[?1000h\u{1b}[?1006h";
const LEAVE_MOUSE: &str = "\u{1b}[?1006l\u{1b}[?1000l";
/// Whether the terminal is in front.
const ASK_FOCUS: &str = "\u{1b}[?1004h";
const FORGET_FOCUS: &str = "\u{1b}[?1004l";
/// What is pasted comes marked as such, and is no keys.
const MARK_PASTE: &str = "\u{1b}[?2004h";
const FORGET_PASTE: &str = "\u{1b}[?2004l";

/// Gives the terminal back, once. Nothing can be done about failures on the way out.
fn restore() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            io::stdout(),
            Print(FORGET_PASTE),
            Print(FORGET_FOCUS),
            Print(LEAVE_MOUSE),
            LeaveAlternateScreen,
            Show
        );
        let _ = disable_raw_mode();
    }
}

/// The terminal, which has 80 columns and 24 rows where it does not know its size, as that of a serial line or of `script`.
struct Sized(CrosstermBackend<Stdout>);

impl Backend for Sized {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        self.0.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.0.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.0.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.0.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.0.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.0.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        // One that cannot be asked at all has none either.
        let Size { width, height } = self.0.size()?;
        Ok(if width == 0 || height == 0 { Size { width: 80, height: 24 } } else { Size { width, height } })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.0.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.0)
    }
}

/// A terminal that is raw and on its other screen; dropping it gives the terminal back.
pub(super) struct Terminal {
    /// Never dropped by itself: the library's own end prints to standard error when the terminal is gone, and
    /// printing to a standard error that is gone panics. `restore` shows the cursor.
    inner: ManuallyDrop<ratatui::Terminal<Sized>>,
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal, with the mouse or without.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        HOOK.call_once(|| {
            let reporting = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                reporting(panic);
            }));
        });
        let inner = ManuallyDrop::new(ratatui::Terminal::new(Sized(CrosstermBackend::new(io::stdout())))?);
        let mut terminal = Self { inner, mouse };
        terminal.enter_again()?;
        Ok(terminal)
    }

    /// Takes the terminal after `leave`.
    pub(super) fn enter_again(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        ENTERED.store(true, Ordering::SeqCst);
        execute!(io::stdout(), EnterAlternateScreen, Hide, Print(ASK_FOCUS), Print(MARK_PASTE))?;
        if self.mouse {
            execute!(io::stdout(), Print(LISTEN_TO_MOUSE))?;
        }
        self.clear()
    }

    /// Listens to the mouse, or leaves it to the terminal.
    pub(super) fn listen_to_mouse(&mut self, mouse: bool) -> io::Result<()> {
        self.mouse = mouse;
        execute!(io::stdout(), Print(if mouse { LISTEN_TO_MOUSE } else { LEAVE_MOUSE }))
    }

    /// Hands a text to the clipboard of the terminal.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(io::stdout(), Print(clipboard::sequence(text)))
    }

    /// Gives the terminal back.
    pub(super) fn leave(&mut self) {
        restore();
    }

    /// Lets go of a terminal that is gone: nothing is written to it any more.
    pub(super) fn abandon(&mut self) {
        ENTERED.store(false, Ordering::SeqCst);
    }

    /// Forgets what is on the screen, so that the next frame draws all of it.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        // The library's own `clear` asks the terminal where its cursor is and waits for the answer, which a slow or
        // simple terminal may never give. A resize clears without asking.
        let (width, height) = self.size()?;
        self.inner.resize(Rect::new(0, 0, width, height))
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.inner.size()?;
        Ok((size.width, size.height))
    }

    /// Draws a frame; only cells that changed are written.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        self.inner.draw(|frame| draw(frame.buffer_mut()))?;
        io::stdout().flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}
