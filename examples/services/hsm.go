package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"sync"

	binding "github.com/miekg/pkcs11"

	"github.com/sealwax/sealwax/internal/process"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/pkcs11"
)

// A service keeps the private keys of a party.
type service interface {
	// newKeys makes the n-th keys of a side, and returns their entries, without the IDs.
	newKeys(ctx context.Context, s *side, n int) ([]keyset.ManifestKey, error)
	opener(f *format, folder fs.FS) keyset.Opener
	stop() (start func() error, err error)
}

// An hsm is a token of SoftHSM.
type hsm struct {
	*process.SoftHSM
	module *pkcs11.Module
	calls  *sync.RWMutex // held while the library is called

	making sync.Mutex
	ids    int // of keys that were made
}

const pin = "271828"

func newHSM(dir string, calls *sync.RWMutex) (*hsm, error) {
	for _, program := range []string{"softhsm2-util", "pkcs11-tool"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("apt-get install softhsm2 opensc: %s: %w", program, process.ErrMissing)
		}
	}
	soft, err := process.NewSoftHSM(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Setenv("SOFTHSM2_CONF", soft.Conf); err != nil { // where SoftHSM finds its tokens
		return nil, err
	}
	if out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "bank", "--so-pin", pin, "--pin", pin).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	module, err := pkcs11.Open(pkcs11.Config{
		Library: soft.Library,
		PIN:     func(context.Context, string) ([]byte, error) { return []byte(pin), nil },
	})
	return &hsm{SoftHSM: soft, module: module, calls: calls}, err
}

func (h *hsm) opener(f *format, folder fs.FS) keyset.Opener {
	if f == openPGP {
		return h.module.OpenPGP(folder)
	}
	return h.module.OpenJOSE()
}

// generate makes a key as an operator does, in another process, and returns its URI. One
// at a time: SoftHSM does not always find a token to which another process writes.
func (h *hsm) generate(ctx context.Context, kind, usage, label string) (string, error) {
	h.making.Lock()
	defer h.making.Unlock()
	h.ids++
	id := fmt.Sprintf("%02x", h.ids)
	out, err := exec.CommandContext(ctx, "pkcs11-tool", "--module", h.Library, "--token-label", "bank", "--login", "--pin", pin,
		"--keypairgen", "--key-type", kind, usage, "--label", label, "--id", id).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pkcs11-tool: %w: %s", err, out)
	}
	return "pkcs11:token=bank;object=" + label + ";id=%" + id, nil
}

func (h *hsm) newKeys(ctx context.Context, s *side, n int) ([]keyset.ManifestKey, error) {
	type made struct{ kind, usage, label string }
	keys := [2]made{{"EC:prime256v1", "--usage-sign", fmt.Sprint("sign-", n)}, {"EC:prime256v1", "--usage-derive", fmt.Sprint("read-", n)}}
	label := fmt.Sprint("own-", n) // of both halves of a certificate
	if s.format == openPGP {
		keys = [2]made{{"rsa:2048", "--usage-sign", label}, {"rsa:2048", "--usage-decrypt", label}}
	}
	var sources [2]string
	for i, k := range keys {
		var err error
		if sources[i], err = h.generate(ctx, k.kind, k.usage, k.label); err != nil {
			return nil, err
		}
	}
	if s.format == jose {
		return s.pair(n, sources[0], sources[1]), nil
	}
	signer, err := h.module.Remote(ctx, sources[0], keyset.Signing)
	if err != nil {
		return nil, err
	}
	reader, err := h.module.Remote(ctx, sources[1], keyset.Encryption)
	if err != nil {
		return nil, err
	}
	return s.certify(ctx, n, "pkcs11:token=bank;object="+label, signer, reader)
}

// stop pulls the token out. SoftHSM notices when it is initialized anew, which no call may
// see: for an instant each call ends, and none begins. The replicas that load keys are not
// held back by that, so that nobody may be loading.
func (h *hsm) stop() (start func() error, err error) {
	library := binding.New(h.Library)
	if library == nil {
		return nil, errors.New("SoftHSM does not load")
	}
	h.calls.Lock()
	defer h.calls.Unlock()
	back, err := h.PullOut(library.Finalize)
	return func() error {
		h.calls.Lock()
		defer h.calls.Unlock()
		defer library.Destroy()
		return back()
	}, err
}
