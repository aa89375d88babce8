"""Colours of figures of labels: Okabe and Ito's, told apart by colour-blind readers."""

BEATS, NOISE, CONSTANT, REASSIGNED = "#0072B2", "#999999", "#E69F00", "#D55E00"
