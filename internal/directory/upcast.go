package directory

import "fmt"

// SchemaVersion is the version of the payloads that this program writes, and the
// only one that its decoders read: what is older is brought up to it first.
const SchemaVersion = SchemaVersion1

// upcaster turns a record of one version into one of the next. It is pure, and it
// is for ever: a log keeps its oldest records, and each rebuild reads them again.
type upcaster func(Record) (Record, error)

// upcasters are the steps in their order, the first from version 1 to version 2.
// Who changes the form of a payload raises SchemaVersion, adds the step here, and
// leaves the golden files of the older versions (testdata/schema) as they are.
func upcasters() []upcaster {
	return []upcaster{}
}

// upcast brings a record up to the version behind the last step. Version 0 is what
// was appended without one, and means the first.
func upcast(r Record, steps []upcaster) (Record, error) {
	version := max(r.SchemaVersion, SchemaVersion1)
	newest := SchemaVersion1 + len(steps)
	if version > newest {
		return r, fmt.Errorf("schema version %d is newer than this program reads (up to %d)", version, newest)
	}
	for ; version < newest; version++ {
		var err error
		if r, err = steps[version-SchemaVersion1](r); err != nil {
			return r, fmt.Errorf("bring schema version %d to %d: %w", version, version+1, err)
		}
		r.SchemaVersion = version + 1
	}
	return r, nil
}
