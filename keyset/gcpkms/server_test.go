package gcpkms_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"hash/crc32"
	"maps"
	"net"
	"sync"
	"testing"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const keyRing = "projects/bank/locations/europe/keyRings/partners/cryptoKeys/"

// A server implements the published proto with real keys. Google's own service was not
// reached.
type server struct {
	kmspb.UnimplementedKeyManagementServiceServer
	keys map[string]*stored

	mu     sync.Mutex
	code   codes.Code    // of every answer; OK for an answer
	stuck  chan struct{} // closed when it answers again; nil if it does
	damage bool          // a checksum is wrong
}

type stored struct {
	algorithm kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm
	private   crypto.Signer
}

// keys are made once: five of RSA take a second, under the race detector.
var keys = sync.OnceValues(func() (map[string]*stored, error) {
	made := map[string]*stored{}
	for name, algorithm := range map[string]kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm{
		"pss": kmspb.CryptoKeyVersion_RSA_SIGN_PSS_2048_SHA256, "pkcs1": kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256,
		"raw": kmspb.CryptoKeyVersion_RSA_SIGN_RAW_PKCS1_2048, "oaep": kmspb.CryptoKeyVersion_RSA_DECRYPT_OAEP_2048_SHA256,
		"oaep-sha1": kmspb.CryptoKeyVersion_RSA_DECRYPT_OAEP_2048_SHA1,
		"p256":      kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256, "p384": kmspb.CryptoKeyVersion_EC_SIGN_P384_SHA384,
		"ed25519": kmspb.CryptoKeyVersion_EC_SIGN_ED25519, "hmac": kmspb.CryptoKeyVersion_HMAC_SHA256,
	} {
		var key crypto.Signer
		var err error
		switch name {
		case "p256":
			key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		case "p384":
			key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		case "ed25519":
			_, key, err = ed25519.GenerateKey(rand.Reader)
		default:
			key, err = rsa.GenerateKey(rand.Reader, 2048)
		}
		if err != nil {
			return nil, err
		}
		made[nameOf(name)] = &stored{algorithm, key}
	}
	return made, nil
})

func newServer(t testing.TB) (*server, *kms.KeyManagementClient) {
	all, err := keys()
	require.NoError(t, err)
	s := &server{keys: maps.Clone(all)}
	client, err := kms.NewKeyManagementClient(t.Context(), option.WithEndpoint(s.serve(t, insecure.NewCredentials())), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return s, client
}

// serve listens, and returns where.
func (s *server) serve(t testing.TB, c credentials.TransportCredentials) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := grpc.NewServer(grpc.Creds(c))
	kmspb.RegisterKeyManagementServiceServer(g, s)
	go func() { _ = g.Serve(listener) }()
	t.Cleanup(g.Stop)
	return listener.Addr().String()
}

func nameOf(key string) string { return keyRing + key + "/cryptoKeyVersions/1" }

// answering makes the server answer with a code, until the returned function is called.
func (s *server) answering(code codes.Code) func() func() {
	return func() func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.code = code
		return func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.code = codes.OK
		}
	}
}

func (s *server) stall() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck = make(chan struct{})
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.stuck)
		s.stuck = nil
	}
}

func (s *server) find(ctx context.Context, name string) (*stored, error) {
	s.mu.Lock()
	code, stuck := s.code, s.stuck
	s.mu.Unlock()
	if stuck != nil {
		select {
		case <-stuck:
		case <-ctx.Done(): // an answer might still overtake the client's own deadline
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	if code != codes.OK {
		return nil, status.Error(code, "as the test wants it")
	}
	if k, ok := s.keys[name]; ok {
		return k, nil
	}
	return nil, status.Error(codes.NotFound, "no such version")
}

func (s *server) sum(data []byte) *wrapperspb.Int64Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	if s.damage {
		n++
	}
	return wrapperspb.Int64(n)
}

func (s *server) GetPublicKey(ctx context.Context, r *kmspb.GetPublicKeyRequest) (*kmspb.PublicKey, error) {
	k, err := s.find(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return &kmspb.PublicKey{Name: r.Name, Pem: string(text), PemCrc32C: s.sum(text), Algorithm: k.algorithm}, nil
}

func (s *server) AsymmetricSign(ctx context.Context, r *kmspb.AsymmetricSignRequest) (*kmspb.AsymmetricSignResponse, error) {
	k, err := s.find(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	var sig []byte
	d := r.Digest
	switch k.algorithm {
	case kmspb.CryptoKeyVersion_RSA_SIGN_PSS_2048_SHA256:
		sig, err = k.private.Sign(rand.Reader, d.GetSha256(), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256, kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256:
		sig, err = k.private.Sign(rand.Reader, d.GetSha256(), crypto.SHA256)
	case kmspb.CryptoKeyVersion_EC_SIGN_P384_SHA384:
		sig, err = k.private.Sign(rand.Reader, d.GetSha384(), crypto.SHA384)
	case kmspb.CryptoKeyVersion_RSA_SIGN_RAW_PKCS1_2048, kmspb.CryptoKeyVersion_EC_SIGN_ED25519:
		sig, err = k.private.Sign(rand.Reader, r.Data, crypto.Hash(0))
	}
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &kmspb.AsymmetricSignResponse{Name: r.Name, Signature: sig, SignatureCrc32C: s.sum(sig),
		VerifiedDigestCrc32C: d != nil, VerifiedDataCrc32C: d == nil}, nil
}

func (s *server) AsymmetricDecrypt(ctx context.Context, r *kmspb.AsymmetricDecryptRequest) (*kmspb.AsymmetricDecryptResponse, error) {
	k, err := s.find(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	hash := crypto.SHA256
	if k.algorithm == kmspb.CryptoKeyVersion_RSA_DECRYPT_OAEP_2048_SHA1 {
		hash = crypto.SHA1
	}
	plain, err := k.private.(crypto.Decrypter).Decrypt(rand.Reader, r.Ciphertext, &rsa.OAEPOptions{Hash: hash})
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "Decryption failed: the ciphertext is invalid.")
	}
	return &kmspb.AsymmetricDecryptResponse{Plaintext: plain, PlaintextCrc32C: s.sum(plain), VerifiedCiphertextCrc32C: true}, nil
}
