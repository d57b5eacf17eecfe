//go:build unix

package process

import (
	"net"
	"os/exec"
	"path/filepath"
)

// LocalKMS returns local-kms, of which binary is the program, as a server that keeps its
// keys in dir when it is killed. env is what else it is told.
func LocalKMS(binary, dir, region string, env ...string) (*Server, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return &Server{Addr: addr, Command: func() *exec.Cmd {
		cmd := exec.Command(binary)
		cmd.Env = append([]string{"PORT=" + port, "KMS_REGION=" + region, "KMS_ACCOUNT_ID=111122223333", "KMS_DATA_PATH=" + filepath.Join(dir, "data")}, env...)
		return cmd
	}}, nil
}
