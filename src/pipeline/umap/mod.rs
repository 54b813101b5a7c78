//! Uniform manifold approximation and projection of profiles.
