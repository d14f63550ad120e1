"""Tool server: pose-independent vector maths (midpoint, offset, step toward a point, scaling)."""
