//! Importers of foreign data: pure readers of text.
