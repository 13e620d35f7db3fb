package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	mathrand "math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	authv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/apiserver-network-proxy/konnectivity-client/proto/client"
)

type server struct {
	id, uds, mode, certFile, keyFile, kubeconfig string
	namespace, account, audience                 string
	serverPort, agentPort, adminPort, healthPort int
	count                                        int
	keep                                         time.Duration
	qps                                          float32
	burst                                        int

	reviews kubernetes.Interface
	mu      sync.Mutex
	agents  []*backend
}

// backend is the stream of one agent, with what the API server has open through it.
type backend struct {
	out *packets

	mu    sync.Mutex
	ended bool
	dials map[int64]*frontend
	conns map[int64]*frontend
}

// frontend is one connection of the API server: it opens a call for each.
type frontend struct {
	out    *packets
	random int64
	id     int64
	in     chan *client.Packet // what the agent says
}

func newServer(f *pflag.FlagSet) func() error {
	s := &server{}
	f.StringVar(&s.id, "server-id", rand.Text(), "")
	f.StringVar(&s.uds, "uds-name", "", "")
	f.StringVar(&s.mode, "mode", "grpc", "")
	f.Bool("delete-existing-uds-file", true, "always so")
	f.IntVar(&s.serverPort, "server-port", 8090, "")
	f.IntVar(&s.agentPort, "agent-port", 8091, "")
	f.IntVar(&s.adminPort, "admin-port", 8095, "")
	f.IntVar(&s.healthPort, "health-port", 8092, "")
	f.StringVar(&s.certFile, "cluster-cert", "", "")
	f.StringVar(&s.keyFile, "cluster-key", "", "")
	f.StringVar(&s.kubeconfig, "kubeconfig", "", "")
	f.StringVar(&s.namespace, "agent-namespace", "", "")
	f.StringVar(&s.account, "agent-service-account", "", "")
	f.StringVar(&s.audience, "authentication-audience", "", "")
	f.IntVar(&s.count, "server-count", 1, "")
	f.DurationVar(&s.keep, "keepalive-time", time.Hour, "")
	f.Float32Var(&s.qps, "kubeconfig-qps", 0, "")
	f.IntVar(&s.burst, "kubeconfig-burst", 0, "")
	return s.run
}

func (s *server) run() error {
	switch {
	case s.mode != "grpc":
		return fmt.Errorf("the lab's server speaks grpc only, not %q", s.mode)
	case s.uds == "" || s.serverPort != 0:
		return errors.New("the lab's server listens at a UNIX socket only: --uds-name and --server-port=0")
	case s.namespace == "" || s.account == "" || s.audience == "":
		return errors.New("agents must be authenticated: --agent-namespace, --agent-service-account, --authentication-audience")
	}
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = s.qps, s.burst
	if s.reviews, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(s.certFile, s.keyFile)
	if err != nil {
		return err
	}
	front, err := s.listenForApiServer()
	if err != nil {
		return err
	}
	back, err := net.Listen("tcp", fmt.Sprintf(":%d", s.agentPort))
	if err != nil {
		return err
	}
	go health("", s.healthPort, s.ready, s.metrics)
	go health("127.0.0.1", s.adminPort, s.ready, s.metrics)
	frontends := grpc.NewServer()
	client.RegisterProxyServiceServer(frontends, s)
	agents := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: s.keep}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 30 * time.Second, PermitWithoutStream: true}))
	agents.RegisterService(&grpc.ServiceDesc{
		ServiceName: "AgentService",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{StreamName: "Connect", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error { return s.connect(stream) }}},
	}, s)
	ended := make(chan error, 2)
	go func() { ended <- frontends.Serve(front) }()
	go func() { ended <- agents.Serve(back) }()
	return <-ended
}

func (s *server) listenForApiServer() (net.Listener, error) {
	if err := os.Remove(s.uds); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	old := syscall.Umask(0o007)
	defer syscall.Umask(old)
	return net.Listen("unix", s.uds)
}

func (s *server) ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.agents) == 0 {
		return errors.New("no connection to any proxy agent")
	}
	return nil
}

func (s *server) metrics() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("konnectivity_network_proxy_server_ready_backend_connections %d\n", len(s.agents))
}

// --- the agents' half ---

func (s *server) authenticate(ctx context.Context) error {
	head, _ := metadata.FromIncomingContext(ctx)
	given := head.Get(authorization)
	if len(given) != 1 || !strings.HasPrefix(given[0], bearer) {
		return errors.New("no token was received")
	}
	r, err := s.reviews.AuthenticationV1().TokenReviews().Create(ctx, &authv1.TokenReview{
		Spec: authv1.TokenReviewSpec{Token: strings.TrimPrefix(given[0], bearer), Audiences: []string{s.audience}}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("failed to authenticate request: %w", err)
	}
	if !r.Status.Authenticated {
		return fmt.Errorf("lookup failed: service account jwt not valid %s", r.Status.Error)
	}
	if want := "system:serviceaccount:" + s.namespace + ":" + s.account; r.Status.User.Username != want {
		return fmt.Errorf("lookup failed: incoming request from %q. Expected %q", r.Status.User.Username, want)
	}
	return nil
}

func (s *server) connect(stream grpc.ServerStream) error {
	if err := s.authenticate(stream.Context()); err != nil {
		log.Printf("an agent is not let in: %v", err)
		return status.Error(codes.Unauthenticated, err.Error())
	}
	if err := stream.SendHeader(metadata.Pairs(serverIDKey, s.id, serverCountKey, strconv.Itoa(s.count))); err != nil {
		return err
	}
	b := &backend{out: &packets{stream: stream}, dials: map[int64]*frontend{}, conns: map[int64]*frontend{}}
	s.mu.Lock()
	s.agents = append(s.agents, b)
	log.Printf("an agent came; there are %d", len(s.agents))
	s.mu.Unlock()
	err := b.serve()
	s.mu.Lock()
	for i, other := range s.agents {
		if other == b {
			s.agents = append(s.agents[:i:i], s.agents[i+1:]...)
			break
		}
	}
	log.Printf("an agent left (%v); there are %d", err, len(s.agents))
	s.mu.Unlock()
	b.end()
	return err
}

func (b *backend) serve() error {
	for {
		m, err := b.out.receive()
		if err != nil {
			return err
		}
		b.mu.Lock()
		var f *frontend
		switch m.Type {
		case client.PacketType_DIAL_RSP:
			r := m.GetDialResponse()
			if f = b.dials[r.Random]; f != nil {
				delete(b.dials, r.Random)
				if r.Error == "" {
					f.id = r.ConnectID
					b.conns[r.ConnectID] = f
				}
			}
		case client.PacketType_DATA:
			f = b.conns[m.GetData().ConnectID]
		case client.PacketType_CLOSE_RSP:
			f = b.conns[m.GetCloseResponse().ConnectID]
			delete(b.conns, m.GetCloseResponse().ConnectID)
		}
		b.mu.Unlock()
		if f != nil {
			f.in <- m
		} else if m.Type == client.PacketType_DIAL_RSP && m.GetDialResponse().Error == "" {
			// Whoever wanted it has gone.
			_ = b.out.send(closeRequest(m.GetDialResponse().ConnectID))
		}
	}
}

func (b *backend) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	for random, f := range b.dials {
		f.in <- dialed(random, 0, "the agent left")
	}
	for id, f := range b.conns {
		f.in <- closed(id, "the agent left")
	}
	b.dials, b.conns = map[int64]*frontend{}, map[int64]*frontend{}
}

// --- the API server's half ---

func (s *server) pick() *backend {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.agents) == 0 {
		return nil
	}
	return s.agents[mathrand.IntN(len(s.agents))]
}

// Proxy carries one connection: its first message asks for it.
func (s *server) Proxy(stream client.ProxyService_ProxyServer) error {
	f := &frontend{out: &packets{stream: stream}, in: make(chan *client.Packet, 256)}
	first, err := f.out.receive()
	if err != nil {
		return err
	}
	q := first.GetDialRequest()
	if first.Type != client.PacketType_DIAL_REQ || q == nil {
		return status.Error(codes.InvalidArgument, "the first message must ask for a connection")
	}
	f.random = q.Random
	b := s.pick()
	if b == nil {
		return f.out.send(dialed(q.Random, 0, "No agent available"))
	}
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		return f.out.send(dialed(q.Random, 0, "the agent left"))
	}
	b.dials[q.Random] = f
	b.mu.Unlock()
	defer b.leave(f)
	if err := b.out.send(first); err != nil {
		return f.out.send(dialed(q.Random, 0, err.Error()))
	}
	gone := make(chan error, 1)
	go func() { gone <- f.upstream(b) }()
	for {
		select {
		case m := <-f.in:
			if err := f.out.send(m); err != nil {
				return err
			}
			if m.Type == client.PacketType_CLOSE_RSP || (m.Type == client.PacketType_DIAL_RSP && m.GetDialResponse().Error != "") {
				return nil
			}
		case err := <-gone:
			return err
		}
	}
}

// upstream passes on what the API server says, until it has no more to say.
func (f *frontend) upstream(b *backend) error {
	for {
		m, err := f.out.receive()
		if err != nil {
			return err
		}
		switch m.Type {
		case client.PacketType_DATA, client.PacketType_CLOSE_REQ, client.PacketType_DIAL_CLS:
			if err := b.out.send(m); err != nil {
				return err
			}
		}
		if m.Type == client.PacketType_DIAL_CLS {
			return nil
		}
	}
}

// leave forgets a frontend and has the agent end what is still open for it.
func (b *backend) leave(f *frontend) {
	b.mu.Lock()
	_, dialing := b.dials[f.random]
	delete(b.dials, f.random)
	open := f.id != 0 && b.conns[f.id] == f
	if open {
		delete(b.conns, f.id)
	}
	ended := b.ended
	b.mu.Unlock()
	// Whatever the agent still wanted to say finds a reader until it knows.
	go func() {
		timeout := time.After(5 * time.Second)
		for {
			select {
			case <-f.in:
			case <-timeout:
				return
			}
		}
	}()
	switch {
	case ended:
	case open:
		_ = b.out.send(closeRequest(f.id))
	case dialing:
		_ = b.out.send(&client.Packet{Type: client.PacketType_DIAL_CLS, Payload: &client.Packet_CloseDial{CloseDial: &client.CloseDial{Random: f.random}}})
	}
}
