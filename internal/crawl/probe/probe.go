// Package probe finds out what stands between a company in Feishu and its
// mirror: whether the app is accepted, how much of the company it may see, what
// each permission that it lacks costs, and whether the database keeps up.
//
// It promises few calls (about a dozen, all through the client that it is given,
// and so within its budget), and findings that name no person: counts, fields
// and permissions only.
//
// It changes nothing, neither in Feishu nor in the database, and knows no exit
// codes: a finding carries the error that it is about.
package probe

// State says how much a finding matters.
type State string

// The states.
const (
	OK   State = "OK"
	Warn State = "WARN" // the mirror works, and lacks something
	Fail State = "FAIL" // the mirror cannot work
	Skip State = "SKIP" // could not be found out, or need not
)

// Finding is the answer to one question.
type Finding struct {
	// TenantKey is the company that it is about; empty where it is about all, or there
	// is only one.
	TenantKey string `json:"tenant_key,omitempty"`

	Check string `json:"check"`
	State State  `json:"state"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what to do about it
	Err   error  `json:"-"`            // with Fail
}

// Skipped is the finding for a question that was not asked.
func Skipped(check, why string) Finding { return Finding{Check: check, State: Skip, Says: why} }

// Failed is the finding for what cannot work.
func Failed(check string, err error, do string) Finding {
	return Finding{Check: check, State: Fail, Says: err.Error(), Do: do, Err: err}
}
