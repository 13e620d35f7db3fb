// A lab's stand-in for flannel's CNI plugin, which the Go module proxy does not carry. Like the real one it fills the subnet that flanneld
// leased into a configuration for the bridge plugin and hands over to it.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

type object = map[string]any

func fail(err error) {
	json.NewEncoder(os.Stdout).Encode(object{"cniVersion": "1.0.0", "code": 100, "msg": "flannel: " + err.Error()})
	os.Exit(1)
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	conf := object{}
	if err := json.Unmarshal(input, &conf); err != nil {
		fail(err)
	}
	if os.Getenv("CNI_COMMAND") == "VERSION" {
		json.NewEncoder(os.Stdout).Encode(object{"cniVersion": conf["cniVersion"], "supportedVersions": []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0"}})
		return
	}
	delegate, err := delegation(conf)
	if err != nil {
		fail(err)
	}
	if err := hand(delegate); err != nil {
		fail(err)
	}
}

// delegation makes the bridge plugin's configuration; what the network's author wrote under "delegate" wins.
func delegation(conf object) (object, error) {
	file, _ := conf["subnetFile"].(string)
	if file == "" {
		file = "/run/flannel/subnet.env"
	}
	env, err := lease(file)
	if err != nil {
		return nil, err
	}
	mtu, err := strconv.Atoi(env["FLANNEL_MTU"])
	if err != nil {
		return nil, fmt.Errorf("%s: FLANNEL_MTU: %w", file, err)
	}
	delegate, _ := conf["delegate"].(object)
	if delegate == nil {
		delegate = object{}
	}
	defaults := object{
		"type": "bridge", "mtu": mtu, "ipMasq": env["FLANNEL_IPMASQ"] == "false", "isGateway": true,
		"ipam": object{
			"type": "host-local", "dataDir": "/var/lib/cni/networks",
			"ranges": [][]object{{{"subnet": network(env["FLANNEL_SUBNET"])}}},
			"routes": []object{{"dst": env["FLANNEL_NETWORK"]}},
		},
	}
	for name, value := range defaults {
		if _, given := delegate[name]; !given {
			delegate[name] = value
		}
	}
	for _, name := range []string{"name", "cniVersion", "prevResult", "runtimeConfig"} {
		if value, given := conf[name]; given {
			delegate[name] = value
		}
	}
	return delegate, nil
}

func lease(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if name, value, found := strings.Cut(line, "="); found {
			env[name] = value
		}
	}
	return env, nil
}

// network clears the host's part, which host-local does not want: 10.244.3.1/24 → 10.244.3.0/24.
func network(subnet string) string {
	address, bits, _ := strings.Cut(subnet, "/")
	parts := strings.Split(address, ".")
	return strings.Join(parts[:len(parts)-1], ".") + ".0/" + bits
}

// hand becomes the delegate: same environment, its own configuration on standard input.
func hand(delegate object) error {
	config, err := json.Marshal(delegate)
	if err != nil {
		return err
	}
	kind, _ := delegate["type"].(string)
	for _, folder := range filepath.SplitList(os.Getenv("CNI_PATH")) {
		program := filepath.Join(folder, filepath.Base(kind))
		if _, err := os.Stat(program); err != nil {
			continue
		}
		reader, writer, err := os.Pipe()
		if err != nil {
			return err
		}
		// A configuration fits into the pipe's buffer, so this write cannot block.
		if _, err := writer.Write(config); err != nil {
			return err
		}
		writer.Close()
		if err := syscall.Dup2(int(reader.Fd()), 0); err != nil {
			return err
		}
		return syscall.Exec(program, []string{program}, os.Environ())
	}
	return fmt.Errorf("no plugin %q in CNI_PATH", kind)
}
