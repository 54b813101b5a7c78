//! Density-based clustering of weighted profiles.
