package query

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A question about the past is the same statement over other tables: what stands in
// it as a table of directory becomes what holds of the table of history at the
// moment. So nothing has to be said twice, and the past is answered as now is. What
// history does not have, or has otherwise, are:
//
//   - paths, which are made of the parents of that time where they are asked for;
//     subtrees are walked from their tops down, since no index is on paths
//   - search keys; see searchpast.go
//   - pictures and member counts, which are unknown.

// when is of which time a request wants its answer.
type when struct {
	fresh *freshness  // not older than this; nil: what is there
	asked askedMoment // the moment that it is about; none: now
}

func (w when) past() bool { return w.asked.axis != axisNone }

// pastRequest is a request that can be about the past.
type pastRequest interface {
	GetAsOf() *timestamppb.Timestamp
	GetAsOfRecorded() *timestamppb.Timestamp
	GetAsOfPosition() int64
}

// The fields that tell a moment. The last one is optional, so 0 does not say that it
// is not there.
var (
	asOfFields   = [3]string{"as_of", "as_of_recorded", "as_of_position"}
	asOfPosition = protoreflect.Name(asOfFields[2])
)

func whenOf(req freshRequest) (w when, err error) {
	if w.fresh, err = parseFreshness(req.GetAtLeastAsFresh()); err != nil {
		return when{}, err
	}
	r, ok := req.(pastRequest)
	if !ok {
		return w, nil
	}
	var position *int64
	message := req.ProtoReflect()
	if p := r.GetAsOfPosition(); p != 0 || message.Has(message.Descriptor().Fields().ByName(asOfPosition)) {
		position = &p
	}
	w.asked, err = askedMomentOf(asOfFields, r.GetAsOf(), r.GetAsOfRecorded(), position)
	return w, err
}

// pastKey is for the moment that the statements of a context are about.
type pastKey struct{}

// readPast runs a query whose statements are about a moment in the past. What an
// answer says of itself is about now.
func (s *Service) readPast(ctx context.Context, w when, query func(context.Context) (moment, error)) (meta, error) {
	var start *historyStart
	known, err := s.settle(ctx, w.fresh, func(ctx context.Context) (now moment, err error) {
		now, start, err = readHistoryStart(ctx, s.pool, s.company(ctx))
		return now, err
	})
	if err != nil {
		return meta{}, err
	}
	past, err := w.asked.resolve(ctx, s.pool, known.position, start)
	if err != nil {
		return meta{}, err
	}
	now, err := query(context.WithValue(ctx, pastKey{}, past))
	if err != nil {
		return meta{}, err
	}
	return s.metaOf(ctx, now)
}

// atMoment is a statement, and its arguments, about the moment that the context is
// about.
func atMoment(ctx context.Context, sql string, args []any) (string, []any) {
	past, ok := ctx.Value(pastKey{}).(asOf)
	if !ok {
		return sql, args
	}
	return pastStatement(sql, len(args)), append(args[:len(args):len(args)], past.at, past.position)
}

var (
	pastStatements sync.Map // of string, by the statement about now

	presentTable = regexp.MustCompile(`directory\.(\w+) AS (\w+)`)
)

// pastStatement makes a statement about the past of one about now with n parameters.
// The moment is two further ones.
func pastStatement(sql string, n int) string {
	if made, ok := pastStatements.Load(sql); ok {
		return made.(string)
	}
	made := pastParts.Replace(sql)
	made = presentTable.ReplaceAllStringFunc(made, func(reference string) string {
		names := presentTable.FindStringSubmatch(reference)
		made, ok := pastTables[names[1]]
		if !ok {
			return reference
		}
		return "(" + made + ") AS " + names[2]
	})
	moment := strings.NewReplacer("$at", "$"+strconv.Itoa(n+1)+"::timestamptz", "$position", "$"+strconv.Itoa(n+2)+"::bigint")
	made = moment.Replace(made)
	if rest, found := strings.CutPrefix(made, "WITH "); found {
		made = "WITH RECURSIVE " + strings.TrimPrefix(rest, "RECURSIVE ") // subtrees are walked
	}
	pastStatements.Store(sql, made)
	return made
}
