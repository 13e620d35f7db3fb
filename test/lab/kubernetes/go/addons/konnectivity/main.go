// konnectivity's two programs for the lab, by the name under which they are called: proxy-server and proxy-agent.
// Upstream's are not on the Go module proxy; these speak the same protocol (its client module carries the messages),
// with the same flags, ports, metadata and health paths, so that either half can be replaced by the real one.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"sigs.k8s.io/apiserver-network-proxy/konnectivity-client/proto/client"
)

// Metadata of the agents' calls and of the server's answer to them.
const (
	serverCountKey = "serverCount"
	serverIDKey    = "serverID"
	agentIDKey     = "agentID"
	authorization  = "Authorization"
	bearer         = "Bearer "
)

// The module has no code for the agents' half; it is one stream of the same messages.
const connectMethod = "/AgentService/Connect"

var connectStream = grpc.StreamDesc{StreamName: "Connect", ServerStreams: true, ClientStreams: true}

// A stream of packets that many may send to.
type packets struct {
	mu     sync.Mutex
	stream interface {
		SendMsg(m any) error
		RecvMsg(m any) error
	}
}

func (p *packets) send(m *client.Packet) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stream.SendMsg(m)
}

func (p *packets) receive() (*client.Packet, error) {
	m := &client.Packet{}
	return m, p.stream.RecvMsg(m)
}

func dataOf(id int64, b []byte) *client.Packet {
	return &client.Packet{Type: client.PacketType_DATA, Payload: &client.Packet_Data{Data: &client.Data{ConnectID: id, Data: b}}}
}

func dialed(random, id int64, failure string) *client.Packet {
	return &client.Packet{Type: client.PacketType_DIAL_RSP, Payload: &client.Packet_DialResponse{
		DialResponse: &client.DialResponse{Random: random, ConnectID: id, Error: failure}}}
}

func closeRequest(id int64) *client.Packet {
	return &client.Packet{Type: client.PacketType_CLOSE_REQ, Payload: &client.Packet_CloseRequest{CloseRequest: &client.CloseRequest{ConnectID: id}}}
}

func closed(id int64, failure string) *client.Packet {
	return &client.Packet{Type: client.PacketType_CLOSE_RSP, Payload: &client.Packet_CloseResponse{
		CloseResponse: &client.CloseResponse{ConnectID: id, Error: failure}}}
}

// health serves /healthz, and /readyz by `ready`; `metrics` may be nil.
func health(host string, port int, ready func() error, metrics func() string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "ok")
	})
	if metrics != nil {
		mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, metrics()) })
	}
	log.Fatal(http.ListenAndServe(fmt.Sprintf("%s:%d", host, port), mux))
}

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	flags := pflag.NewFlagSet(filepath.Base(os.Args[0]), pflag.ExitOnError)
	flags.Int("v", 4, "how much is logged; these programs log little anyway")
	var run func() error
	switch filepath.Base(os.Args[0]) {
	case "proxy-server":
		run = newServer(flags)
	case "proxy-agent":
		run = newAgent(flags)
	default:
		log.Fatalf("called as %s: neither proxy-server nor proxy-agent", os.Args[0])
	}
	if err := flags.Parse(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
	log.Fatal(run())
}
