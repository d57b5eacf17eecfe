package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/sealwax/sealwax/keyset"
)

// Config says which library is used, and how.
type Config struct {
	// Library is the file of the PKCS #11 library, such as
	// "/usr/lib/softhsm/libsofthsm2.so".
	Library string

	// PIN returns the PIN of the user of a token, of which it gets the label. It is called
	// when the first key of a token is asked for, and again whenever the token has lost its
	// sessions, from any goroutine. What it returns is not retained. An error is an outage
	// ([keyset.ErrUnavailable]); a PIN that the token refuses is not tried again. It may be
	// nil if no token wants a PIN.
	PIN func(ctx context.Context, token string) ([]byte, error)

	// Sessions is how many calls may be under way at each token: 8 if zero.
	Sessions int
}

// A Module is a PKCS #11 library in use. It is safe for concurrent use.
type Module struct {
	config  Config
	ctx     *pkcs11.Ctx
	decrypt decrypt

	done  chan struct{} // closed by Close
	close sync.Once

	mu          sync.Mutex
	initialized bool // by this Module
	tokens      map[string]*token
}

// Open loads a library. It asks no token yet.
//
// C_Initialize is for the whole process: a Module that finds the library initialized
// leaves C_Finalize to whoever did it.
func Open(c Config) (*Module, error) {
	if c.Sessions == 0 {
		c.Sessions = 8
	}
	if c.Sessions < 0 || c.Library == "" {
		return nil, fmt.Errorf("pkcs11: Config.Library is %.128q, and Config.Sessions %d", c.Library, c.Sessions)
	}
	m := &Module{config: c, ctx: pkcs11.New(c.Library), tokens: map[string]*token{}, done: make(chan struct{})}
	if m.ctx == nil {
		return nil, fmt.Errorf("pkcs11: %.128q cannot be loaded as a PKCS #11 library: is it installed, and for this architecture?", c.Library)
	}
	ok := false
	if m.decrypt, ok = newDecrypt(c.Library); !ok {
		m.ctx.Destroy()
		return nil, fmt.Errorf("pkcs11: %.128q has no C_Decrypt", c.Library)
	}
	if err := m.initialize(); err != nil {
		m.ctx.Destroy()
		return nil, err
	}
	return m, nil
}

// initialize also mends a library that somebody else has finalized.
func (m *Module) initialize() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.ctx.Initialize()
	switch {
	case err == nil:
		m.initialized = true
	case code(err) != pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED:
		return fmt.Errorf("pkcs11: %w: initialize %.128q: %w", keyset.ErrUnavailable, m.config.Library, err)
	}
	return nil
}

var errClosed = errors.New("pkcs11: the module is closed")

// Close waits for the calls that are under way, and closes the sessions. Keys of the module
// do not work any more.
func (m *Module) Close() (err error) {
	m.close.Do(func() {
		close(m.done)
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, t := range m.tokens {
			t.close()
		}
		if m.initialized {
			err = m.ctx.Finalize()
		}
		m.ctx.Destroy()
	})
	return err
}

// token returns the one that u names, present or not.
func (m *Module) token(u uri) *token {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := u.of(nil, nil).text
	if m.tokens[name] == nil {
		m.tokens[name] = &token{m: m, uri: u.of(nil, nil), busy: make(chan struct{}, m.config.Sessions)}
	}
	return m.tokens[name]
}
