package crawl

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// outcome is what a re-read came to.
type outcome string

const (
	outcomeChanged   outcome = "changed"   // Feishu shows something that was not known
	outcomeUnchanged outcome = "unchanged" // and here nothing
	outcomeGone      outcome = "gone"      // resigned, deleted, or unknown to Feishu
	outcomeUnproven  outcome = "unproven"  // out of the app's range, which proves nothing: a sweep decides
	outcomeRefused   outcome = "refused"   // Feishu does not take the id
	outcomeListed    outcome = "listed"    // definitions, of which there is a list only
	outcomeNeedless  outcome = "needless"  // the app sees everybody, so what came below a department was told of
	outcomeEarly     outcome = "early"     // asked too soon: stays queued
)

// answer is what Feishu said of one entity.
type answer struct {
	object  json.RawMessage // nil where there is none; then outcome says why
	at      time.Time       // of the request, on Feishu's clock
	outcome outcome
}

// noBatchFor is how long it is believed that the app may not use a batch: its
// permissions may be mended.
const noBatchFor = time.Hour

// ask asks for a batch, and one by one for those that the batch leaves out:
// Feishu does that without a word, and tells why only when asked alone. beside are
// all objects of the batch, those of witnesses among them.
func (r *passing) ask(ctx context.Context, kind directory.Kind, ids []string) (answers map[string]answer, beside []json.RawMessage, err error) {
	answers = make(map[string]answer, len(ids))
	for _, id := range ids {
		answers[id] = answer{}
	}
	others, err := r.witnessesOf(ctx, kind, ids)
	if err != nil {
		return nil, nil, err
	}
	page, err := r.batch(ctx, kind, slices.Concat(ids, others))
	if err != nil {
		return nil, nil, err
	}
	for _, object := range page.Items {
		id, err := directory.ObjectID(kind, object)
		if _, asked := answers[id]; err == nil && asked {
			answers[id] = answer{object: object, at: page.RequestedAt}
		}
	}
	for _, id := range ids {
		if answers[id].object != nil {
			continue
		}
		if answers[id], err = r.single(ctx, kind, id); err != nil {
			return nil, nil, err
		}
	}
	return answers, page.Items, nil
}

// batch returns an empty page where the batch as a whole is refused: then each
// is asked for alone.
func (r *passing) batch(ctx context.Context, kind directory.Kind, ids []string) (feishu.Page, error) {
	if r.withoutBatch(kind) {
		return feishu.Page{}, nil
	}
	endpoint, batch := feishu.EndpointUsersBatch, r.cfg.Client.UsersBatch
	if kind == directory.KindDepartment {
		endpoint, batch = feishu.EndpointDepartmentsBatch, r.cfg.Client.DepartmentsBatch
	}
	if err := r.pace.take(ctx, endpoint); err != nil {
		return feishu.Page{}, err
	}
	page, err := batch(ctx, ids)
	switch {
	case errors.Is(err, feishu.ErrPermission):
		// Older permissions allow GET and not the batch.
		r.mu.Lock()
		r.noBatch[kind] = time.Now().Add(noBatchFor)
		r.mu.Unlock()
		r.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "the app may not read in batches, so each is asked for alone",
			slog.String("kind", string(kind)), slog.Any("error", err))
		return feishu.Page{}, nil
	case errors.Is(err, feishu.ErrNoAuthority), errors.Is(err, feishu.ErrNotFound), refused(err):
		return feishu.Page{}, nil
	}
	return page, err
}

// withoutBatch reports whether the app may not use a kind's batch.
func (r *passing) withoutBatch(kind directory.Kind) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Before(r.noBatch[kind])
}

// single asks for one entity.
func (r *passing) single(ctx context.Context, kind directory.Kind, id string) (answer, error) {
	endpoint, get := feishu.EndpointUser, r.cfg.Client.User
	if kind == directory.KindDepartment {
		endpoint, get = feishu.EndpointDepartment, r.cfg.Client.Department
	}
	if err := r.pace.take(ctx, endpoint); err != nil {
		return answer{}, err
	}
	at := r.cfg.Client.Now() // of a refusal; no later than its request
	object, err := get(ctx, id)
	switch {
	case err == nil:
		return answer{object: object.Raw, at: object.RequestedAt}, nil
	case errors.Is(err, feishu.ErrNotFound):
		return answer{at: at, outcome: outcomeGone}, nil
	case errors.Is(err, feishu.ErrNoAuthority):
		return answer{at: at, outcome: outcomeUnproven}, nil
	case refused(err):
		r.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "re-read refused", slog.String("kind", string(kind)), slog.Any("error", err))
		return answer{at: at, outcome: outcomeRefused}, nil
	default:
		return answer{}, err
	}
}

// refused reports whether Feishu found the request itself to be wrong: to ask
// again would be refused again.
func refused(err error) bool {
	var e *feishu.Error
	if !errors.As(err, &e) || e.Code == 0 {
		return false
	}
	for _, known := range []error{
		feishu.ErrCredentials, feishu.ErrPermission, feishu.ErrQuota, feishu.ErrPageToken, feishu.ErrTooBig,
		feishu.ErrNoAuthority, feishu.ErrNotFound, feishu.ErrUnavailable, feishu.ErrPaging,
	} {
		if errors.Is(err, known) {
			return false
		}
	}
	return true
}
