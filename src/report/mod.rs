//! Values to text.
