//! Fuzz targets live in `tests/`; this library is empty so that they are a package of their own.
