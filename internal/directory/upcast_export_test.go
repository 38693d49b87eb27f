package directory

// UpcastWith is upcast with steps of a test's own.
func UpcastWith(r Record, steps ...func(Record) (Record, error)) (Record, error) {
	all := make([]upcaster, len(steps))
	for i, step := range steps {
		all[i] = step
	}
	return upcast(r, all)
}

// Upcasters is how many steps there are.
func Upcasters() int { return len(upcasters()) }
