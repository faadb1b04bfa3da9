// Defines `<relative-time datetime>`, which says how long ago a moment was and keeps saying it while time goes on.
import "@github/relative-time-element";
