// PitchTracker
