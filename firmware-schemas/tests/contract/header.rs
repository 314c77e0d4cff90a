//! The C header: generated, and used by a program in C and in C++.
