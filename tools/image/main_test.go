package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

const plugin = "vault-plugin-secrets-processmaker"

// subject is the archive under test and what is known of it.
type subject struct {
	archive       string
	version       string
	architectures []string
	binaries      map[string]string
}

// released is the archive of a release where IMAGE_ARCHIVE names one, beside
// the binaries that are in it, and else one of this package's making.
func released(t *testing.T) subject {
	t.Helper()
	s := subject{archive: os.Getenv("IMAGE_ARCHIVE"), version: "0.1.0", binaries: map[string]string{}}
	if s.archive != "" {
		named := regexp.MustCompile(`^(.*_v(.*))_oci\.tar$`).FindStringSubmatch(s.archive)
		require.NotNil(t, named, s.archive)
		s.version = named[2]
		for _, architecture := range []string{"amd64", "arm64"} {
			if binary := named[1] + "_linux_" + architecture; exists(binary) {
				s.binaries[architecture] = binary
				s.architectures = append(s.architectures, architecture)
			}
		}
		require.NotEmpty(t, s.architectures)
		return s
	}
	folder := t.TempDir()
	source := filepath.Join(folder, "main.go")
	require.NoError(t, os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600))
	s.archive = filepath.Join(folder, "image.tar")
	s.architectures = []string{"amd64", "arm64"}
	for _, architecture := range s.architectures {
		s.binaries[architecture] = filepath.Join(folder, architecture)
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", s.binaries[architecture], source)
		build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+architecture, "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.NoError(t, run(s.arguments(s.archive)))
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s subject) arguments(archive string) []string {
	args := []string{archive, plugin, "v" + s.version}
	for _, architecture := range s.architectures {
		args = append(args, architecture+"="+s.binaries[architecture])
	}
	return args
}

// pushed is a registry of this process that has the image from the archive, as
// an operator would have pushed it.
func (s subject) pushed(t *testing.T) (repository string) {
	t.Helper()
	folder := t.TempDir()
	unpack(t, s.archive, folder)
	stored, err := layout.FromPath(folder)
	require.NoError(t, err)
	index, err := stored.ImageIndex()
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1, "tools that take the one image of a layout need no name")
	require.Equal(t, s.version, manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"])
	image, err := index.ImageIndex(manifest.Manifests[0].Digest)
	require.NoError(t, err)

	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	repository = strings.TrimPrefix(server.URL, "http://") + "/plugins/" + plugin
	reference, err := name.ParseReference(repository + ":" + s.version)
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(reference, image))
	return repository
}

func unpack(t *testing.T, archive, folder string) {
	t.Helper()
	content, err := os.ReadFile(archive)
	require.NoError(t, err)
	for reader := tar.NewReader(bytes.NewReader(content)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		path := filepath.Join(folder, header.Name)
		if header.Typeflag == tar.TypeDir {
			require.NoError(t, os.MkdirAll(path, 0o700))
			continue
		}
		file, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, file, 0o600))
	}
}

func pull(t *testing.T, repository, version, architecture string) v1.Image {
	t.Helper()
	reference, err := name.ParseReference(repository + ":" + version)
	require.NoError(t, err)
	image, err := remote.Image(reference, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: architecture}))
	require.NoError(t, err)
	require.NoError(t, validate.Image(image))
	return image
}

// contents are the regular files of an image, by their path.
func contents(t *testing.T, image v1.Image) map[string]*tar.Header {
	t.Helper()
	stream := mutate.Extract(image)
	defer stream.Close()
	found := map[string]*tar.Header{}
	for reader := tar.NewReader(stream); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if header.Typeflag == tar.TypeReg {
			content, err := io.ReadAll(reader)
			require.NoError(t, err)
			header.PAXRecords = map[string]string{"content": string(content)}
			found[header.Name] = header
		}
	}
}

// What Vault wants of an image, by github.com/hashicorp/go-secure-stdlib/plugincontainer,
// container_runner_linux.go: it runs the image's own entrypoint from a folder
// that the image does not choose, on Linux, with neither a shell nor variables of
// Vault's environment; by sdk/helper/pluginutil/run_config.go the tag is the
// version without its "v".
func TestVaultCanRunTheImage(t *testing.T) {
	s := released(t)
	repository := s.pushed(t)
	for _, architecture := range s.architectures {
		image := pull(t, repository, s.version, architecture)
		config, err := image.ConfigFile()
		require.NoError(t, err)
		require.Equal(t, "linux", config.OS)
		require.Equal(t, architecture, config.Architecture)
		require.Equal(t, []string{"/" + plugin}, config.Config.Entrypoint)
		require.True(t, path.IsAbs(config.Config.Entrypoint[0]))
		require.Empty(t, config.Config.Cmd, "arguments are the registration's")
		require.Empty(t, config.Config.User, "with one Vault needs a file capability to lock memory, or an engine that runs as root")
		require.Equal(t, s.version, config.Config.Labels["org.opencontainers.image.version"])
		require.Equal(t, plugin, config.Config.Labels["org.opencontainers.image.title"])
		require.NotEmpty(t, config.Config.Labels["org.opencontainers.image.licenses"])

		entrypoint := contents(t, image)[plugin]
		require.NotNil(t, entrypoint)
		require.Equal(t, int64(0o755), entrypoint.Mode)
		requireStatic(t, []byte(entrypoint.PAXRecords["content"]), architecture)
	}
}

// requireStatic: nothing else is in the image that a binary could load.
func requireStatic(t *testing.T, binary []byte, architecture string) {
	t.Helper()
	program, err := elf.NewFile(bytes.NewReader(binary))
	require.NoError(t, err)
	require.Equal(t, map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[architecture], program.Machine)
	for _, part := range program.Progs {
		require.NotEqual(t, elf.PT_INTERP, part.Type, "it needs a loader")
	}
}

// A plugin verifies ProcessMaker's certificate against the roots of its image.
func TestTheImageHasRootCertificates(t *testing.T) {
	s := released(t)
	image := pull(t, s.pushed(t), s.version, s.architectures[0])
	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Contains(t, config.Config.Env, "SSL_CERT_FILE=/"+certificatesFile)
	file := contents(t, image)[certificatesFile]
	require.NotNil(t, file)
	require.Equal(t, int64(0o644), file.Mode)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM([]byte(file.PAXRecords["content"])))
	require.Greater(t, strings.Count(file.PAXRecords["content"], "BEGIN CERTIFICATE"), 100)
	require.Contains(t, subjects(t, pool), "ISRG Root X1")
}

func subjects(t *testing.T, pool *x509.CertPool) string {
	t.Helper()
	var all strings.Builder
	for _, subject := range pool.Subjects() { //nolint:staticcheck // a pool of this test's own
		all.Write(subject)
	}
	return all.String()
}

// What OpenBao wants of an image, by its helper/pluginutil/oci/downloader.go: a
// reference of image and version, a manifest for the server's platform, and in
// the image's root a regular file of the binary's name, whose checksum is known.
func TestOpenBaoFindsTheBinary(t *testing.T) {
	s := released(t)
	repository := s.pushed(t)
	for _, architecture := range s.architectures {
		want, err := os.ReadFile(s.binaries[architecture])
		require.NoError(t, err)
		found := contents(t, pull(t, repository, s.version, architecture))[plugin]
		require.NotNil(t, found)
		require.Equal(t, sha256.Sum256(want), sha256.Sum256([]byte(found.PAXRecords["content"])))
		require.Len(t, contents(t, pull(t, repository, s.version, architecture)), 2, "the binary and the certificates")
	}
}

// The real OpenBao downloads the plugin, where there is one.
func TestOpenBaoDownloadsThePlugin(t *testing.T) {
	bao := os.Getenv("ACCEPTANCE_OPENBAO_BIN")
	if bao == "" {
		t.Skip("ACCEPTANCE_OPENBAO_BIN is not set")
	}
	s := released(t)
	folder := t.TempDir()
	binary, err := os.ReadFile(s.binaries["amd64"])
	require.NoError(t, err)
	sum := sha256.Sum256(binary)
	config := filepath.Join(folder, "config.hcl")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `plugin "secret" %q {
  image       = %q
  version     = %q
  binary_name = %q
  sha256sum   = %q
}
`, plugin, s.pushed(t), s.version, plugin, hex.EncodeToString(sum[:])), 0o600))
	download := exec.Command(bao, "plugin", "init", "-config="+config, "-directory="+filepath.Join(folder, "plugins"))
	download.Env = append(os.Environ(), "HOME="+folder)
	out, err := download.CombinedOutput()
	require.NoError(t, err, "%s", out)
	downloaded, err := os.ReadFile(filepath.Join(folder, "plugins", "secret-"+plugin+"-"+s.version))
	require.NoError(t, err, "%s", out)
	require.Equal(t, sum, sha256.Sum256(downloaded))
}

// The same binaries give the same bytes, and say nothing of where and when.
func TestTwoArchivesAreEqual(t *testing.T) {
	s := released(t)
	again := filepath.Join(t.TempDir(), "elsewhere", "again.tar")
	require.NoError(t, os.MkdirAll(filepath.Dir(again), 0o700))
	require.NoError(t, run(s.arguments(again)))
	first, err := os.ReadFile(s.archive)
	require.NoError(t, err)
	second, err := os.ReadFile(again)
	require.NoError(t, err)
	require.True(t, bytes.Equal(first, second), "two archives differ")
	left, err := os.ReadDir(filepath.Dir(again))
	require.NoError(t, err)
	require.Len(t, left, 1, "files left behind")
}

func TestWhatIsRefused(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "image.tar")
	for _, args := range [][]string{
		{},
		{archive, plugin, "v0.1.0"},
		{archive, plugin, "v0.1.0", "amd64"},
		{archive, plugin, "v0.1.0", "amd64=main.go", "amd64=main.go"},
		{archive, plugin, "v0.1.0", "amd64=not-there"},
	} {
		require.Error(t, run(args), args)
		require.NoFileExists(t, archive)
	}
}

// The media types are the OCI's, and not Docker's of before.
func TestTheLayoutIsOfTheOCI(t *testing.T) {
	s := released(t)
	repository := s.pushed(t)
	reference, err := name.ParseReference(repository + ":" + s.version)
	require.NoError(t, err)
	index, err := remote.Index(reference)
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Equal(t, types.OCIImageIndex, manifest.MediaType)
	require.Len(t, manifest.Manifests, len(s.architectures))
	for i, entry := range manifest.Manifests {
		require.Equal(t, types.OCIManifestSchema1, entry.MediaType)
		require.Equal(t, &v1.Platform{OS: "linux", Architecture: s.architectures[i]}, entry.Platform)
		image, err := index.Image(entry.Digest)
		require.NoError(t, err)
		layers, err := image.Layers()
		require.NoError(t, err)
		require.Len(t, layers, 2)
		for _, layer := range layers {
			kind, err := layer.MediaType()
			require.NoError(t, err)
			require.Equal(t, types.OCILayer, kind)
		}
	}
}
