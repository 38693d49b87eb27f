package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// statusTimeout is for the one query behind a scrape.
const statusTimeout = 5 * time.Second

// statusMetrics tells what `mirror status` tells, whoever appended or walked.
// Where the database does not answer these figures are missing, and nothing else.
type statusMetrics struct {
	status func(context.Context) (*orgmirrorv1.GetSyncStatusResponse, error)
}

// figure is one of the status's numbers; ok is false where there is none.
type figure struct {
	desc *prometheus.Desc
	of   func(*orgmirrorv1.GetSyncStatusResponse) (value float64, ok bool)
}

func figures() []figure {
	count := func(name, help string, of func(*orgmirrorv1.GetSyncStatusResponse) int64) figure {
		return figure{prometheus.NewDesc(name, help, nil, nil), func(s *orgmirrorv1.GetSyncStatusResponse) (float64, bool) { return float64(of(s)), true }}
	}
	return []figure{
		count("orgmirror_users", "People who are there.", func(s *orgmirrorv1.GetSyncStatusResponse) int64 { return s.GetCounts().GetUsers() }),
		count("orgmirror_departments", "Departments that are there, without the root.", func(s *orgmirrorv1.GetSyncStatusResponse) int64 { return s.GetCounts().GetDepartments() }),
		count("orgmirror_memberships", "People in departments; who is in several counts in each.", func(s *orgmirrorv1.GetSyncStatusResponse) int64 { return s.GetCounts().GetMemberships() }),
		count("orgmirror_parked_records", "Parts of records that could not be read.", (*orgmirrorv1.GetSyncStatusResponse).GetParkedRecords),
		count("orgmirror_reread_queue_entities", "Entities that wait to be read again.", (*orgmirrorv1.GetSyncStatusResponse).GetRereadQueueLength),
		count("orgmirror_unresolved_departments", "Departments that do not hang on the root.", (*orgmirrorv1.GetSyncStatusResponse).GetUnresolvedDepartments),
		{
			prometheus.NewDesc("orgmirror_staleness_seconds", "How long the first record that is not in the tables has waited; 0 at the log's end.", nil, nil),
			func(s *orgmirrorv1.GetSyncStatusResponse) (float64, bool) {
				return s.GetStaleness().AsDuration().Seconds(), true
			},
		},
		{
			prometheus.NewDesc("orgmirror_last_complete_sweep_timestamp_seconds", "When the last complete walk of Feishu began; missing before the first.", nil, nil),
			func(s *orgmirrorv1.GetSyncStatusResponse) (float64, bool) {
				sweep := s.GetLastCompleteSweep()
				return float64(sweep.GetStartedAt().AsTime().UnixMilli()) / 1000, sweep != nil
			},
		},
	}
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
		if value, ok := f.of(status); ok {
			ch <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, value)
		}
	}
}
