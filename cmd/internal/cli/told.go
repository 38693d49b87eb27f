package cli

// told is an error that its command has shown already, in a form of its own.
type told struct{ error }

func (t told) Unwrap() error { return t.error }

// Told marks an error that needs no more words, only its exit code.
func Told(err error) error {
	if err == nil {
		return nil
	}
	return told{err}
}
