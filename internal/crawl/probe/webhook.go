package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// webhookPath is where Feishu calls.
const webhookPath = "/webhook/event"

// Webhook looks whether the service listens for Feishu's callbacks where the
// settings say. It asks as Feishu never would, with GET, which is refused and
// leaves no more than a figure. Whether Feishu reaches the address nobody here
// can tell.
func Webhook(ctx context.Context, address string) Finding {
	const check = "webhook"
	url := "http://" + local(address) + webhookPath
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return Failed(check, fmt.Errorf("ask %s: %w", url, err), "correct MIRROR_WEBHOOK_LISTEN")
	}
	// Without a proxy, and a connection that ends with the answer.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return Finding{
			Check: check, State: Warn, Says: "nobody listens for Feishu's events: " + err.Error(),
			Do: "start mirror serve on this machine, or run mirror doctor where it runs",
		}
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != http.MethodPost {
		return Finding{
			Check: check, State: Warn, Says: fmt.Sprintf("%s answers %s, as mirror serve does not", url, answer.Status),
			Do: "see which program has the address of MIRROR_WEBHOOK_LISTEN",
		}
	}
	return Finding{
		Check: check, State: OK,
		Says: "mirror serve listens at " + url + "; that Feishu reaches it, the developer console tells when its request URL is saved",
	}
}

// local is how this machine reaches an address on which all of its interfaces
// listen.
func local(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}
