package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/timestamppb"

	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// statusTimeout is for the one query behind a scrape.
const statusTimeout = 5 * time.Second

// statusMetrics tells what `mirror status` tells, whoever appended or walked.
// Where the database does not answer these figures are missing, and nothing else.
type statusMetrics struct {
	status func(context.Context) (*orgmirrorv1.GetSyncStatusResponse, error)
}

// figure is one of the status's numbers, or one for each of what labels name.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*orgmirrorv1.GetSyncStatusResponse) []sample
}

// sample is a value, with the values of the figure's labels.
type sample struct {
	value  float64
	labels []string
}

func one(value float64) []sample { return []sample{{value: value}} }

func instant(t *timestamppb.Timestamp) []sample {
	if t == nil {
		return nil
	}
	return one(float64(t.AsTime().UnixMilli()) / 1000)
}

func figures() []figure {
	count := func(name, help string, of func(*orgmirrorv1.GetSyncStatusResponse) int64) figure {
		return figure{
			prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue,
			func(s *orgmirrorv1.GetSyncStatusResponse) []sample { return one(float64(of(s))) },
		}
	}
	return []figure{
		count("orgmirror_users", "People who are there.", func(s *orgmirrorv1.GetSyncStatusResponse) int64 { return s.GetCounts().GetUsers() }),
		count("orgmirror_departments", "Departments that are there, without the root.", func(s *orgmirrorv1.GetSyncStatusResponse) int64 { return s.GetCounts().GetDepartments() }),
		count("orgmirror_memberships", "People in departments; who is in several counts in each.", func(s *orgmirrorv1.GetSyncStatusResponse) int64 { return s.GetCounts().GetMemberships() }),
		count("orgmirror_parked_records", "Parts of records that could not be read.", (*orgmirrorv1.GetSyncStatusResponse).GetParkedRecords),
		count("orgmirror_reread_queue_entities", "Entities that wait to be read again.", (*orgmirrorv1.GetSyncStatusResponse).GetRereadQueueLength),
		count("orgmirror_unresolved_departments", "Departments that do not hang on the root.", (*orgmirrorv1.GetSyncStatusResponse).GetUnresolvedDepartments),
		count("orgmirror_hidden_fields", "Fields that the last complete walk found to be hidden although the mirror has them.", func(s *orgmirrorv1.GetSyncStatusResponse) int64 { return int64(len(s.GetHiddenFields())) }),
		count("orgmirror_calls_this_month", "Calls to Feishu reserved in this calendar month (UTC).", (*orgmirrorv1.GetSyncStatusResponse).GetCallsThisMonth),
		{
			prometheus.NewDesc("orgmirror_staleness_seconds", "How long the first record that is not in the tables has waited; 0 at the log's end.", nil, nil), prometheus.GaugeValue,
			func(s *orgmirrorv1.GetSyncStatusResponse) []sample {
				return one(s.GetStaleness().AsDuration().Seconds())
			},
		},
		{
			prometheus.NewDesc("orgmirror_last_complete_sweep_timestamp_seconds", "When the last complete walk of Feishu began; missing before the first.", nil, nil), prometheus.GaugeValue,
			func(s *orgmirrorv1.GetSyncStatusResponse) []sample {
				return instant(s.GetLastCompleteSweep().GetStartedAt())
			},
		},
		{
			prometheus.NewDesc("orgmirror_next_sweep_timestamp_seconds", "When the service walks next; missing where it never does, and before the first walk.", nil, nil), prometheus.GaugeValue,
			func(s *orgmirrorv1.GetSyncStatusResponse) []sample { return instant(s.GetNextSweepAt()) },
		},
		{
			prometheus.NewDesc("orgmirror_held_removals", "Entities that the last complete walk, or the last lists of a resource, did not hold and that wait for a decision, by kind or resource.", []string{"kind"}, nil), prometheus.GaugeValue,
			heldRemovals,
		},
		{
			prometheus.NewDesc("orgmirror_last_polled_timestamp_seconds", "When the last complete reading of a resource without events began; missing before the first.", []string{"resource"}, nil), prometheus.GaugeValue,
			polled,
		},
		{
			prometheus.NewDesc("orgmirror_poll_refused_endpoints", "Endpoints of a resource that Feishu did not let the mirror call at the last reading.", []string{"resource"}, nil), prometheus.GaugeValue,
			refusedEndpoints,
		},
		{
			prometheus.NewDesc("orgmirror_drift_total", "Differences to Feishu that no event told of within ten minutes, by kind and by what found them (sweep, reread, sample, poll).", []string{"kind", "found_by"}, nil), prometheus.CounterValue,
			drifted,
		},
		{
			prometheus.NewDesc("orgmirror_drift_sampled_total", "Entities that were read again for no other reason than to find drift.", nil, nil), prometheus.CounterValue,
			func(s *orgmirrorv1.GetSyncStatusResponse) []sample { return one(float64(s.GetSampledEntities())) },
		},
	}
}

// heldRemovals are those of each kind that can be held, none of them too.
func heldRemovals(s *orgmirrorv1.GetSyncStatusResponse) []sample {
	held := map[string]int64{}
	for _, h := range s.GetHeldRemovals() {
		held[h.GetEntityKind()] += h.GetEntities()
	}
	var samples []sample
	for _, r := range s.GetResources() {
		held[r.GetResource()] = r.GetHeld()
	}
	for _, kind := range slices.Compact(slices.Sorted(slices.Values(append([]string{"department", "user"}, slices.Collect(maps.Keys(held))...)))) {
		samples = append(samples, sample{float64(held[kind]), []string{kind}})
	}
	return samples
}

// polled is when each resource was last read.
func polled(s *orgmirrorv1.GetSyncStatusResponse) (samples []sample) {
	for _, r := range s.GetResources() {
		for _, at := range instant(r.GetLastPolledAt()) {
			samples = append(samples, sample{at.value, []string{r.GetResource()}})
		}
	}
	return samples
}

func refusedEndpoints(s *orgmirrorv1.GetSyncStatusResponse) (samples []sample) {
	for _, r := range s.GetResources() {
		samples = append(samples, sample{float64(len(r.GetRefusals())), []string{r.GetResource()}})
	}
	return samples
}

// drifted begins at zero where most is: a counter that begins at one has no rate.
func drifted(s *orgmirrorv1.GetSyncStatusResponse) []sample {
	found := map[[2]string]int64{}
	for _, kind := range []string{"department", "user"} {
		for _, by := range []string{"sweep", "reread", "sample"} {
			found[[2]string{kind, by}] = 0
		}
	}
	for _, d := range s.GetDrift() {
		found[[2]string{d.GetEntityKind(), d.GetFoundBy()}] = d.GetEntities()
	}
	var samples []sample
	for labels, n := range found {
		samples = append(samples, sample{float64(n), labels[:]})
	}
	return samples
}

// Describe implements prometheus.Collector.
func (statusMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range figures() {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (m statusMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	status, err := m.status(ctx)
	if err != nil {
		return
	}
	for _, f := range figures() {
		for _, v := range f.of(status) {
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, v.value, v.labels...)
		}
	}
}
