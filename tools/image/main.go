// Command image packs static plugin binaries for Linux into an image for all
// their architectures, and that into an archive with an OCI image layout. Vault
// runs the image as a container plugin, OpenBao takes the binary out of it. The
// same binaries give the same bytes.
//
//	image ARCHIVE NAME VERSION ARCHITECTURE=BINARY...
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 4 {
		return fmt.Errorf("usage: image ARCHIVE NAME VERSION ARCHITECTURE=BINARY...")
	}
	made := product{name: args[1], version: strings.TrimPrefix(args[2], "v")}
	binaries := map[string]string{}
	var architectures []string
	for _, arg := range args[3:] {
		architecture, binary, found := strings.Cut(arg, "=")
		if !found || binaries[architecture] != "" {
			return fmt.Errorf("%s: expected ARCHITECTURE=BINARY, each architecture once", arg)
		}
		binaries[architecture] = binary
		architectures = append(architectures, architecture)
	}
	index, err := made.index(architectures, binaries)
	if err != nil {
		return err
	}
	return writeArchive(args[0], mutate.AppendManifests(empty.Index, made.entry(index)))
}

// product is what the image is of.
type product struct {
	name    string
	version string // without the "v", which Vault takes off a version for the tag
}

// index is the image for all architectures.
func (p product) index(architectures []string, binaries map[string]string) (v1.ImageIndex, error) {
	certificates, err := certificatesLayer()
	if err != nil {
		return nil, err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range architectures {
		binary, err := os.ReadFile(binaries[architecture])
		if err != nil {
			return nil, err
		}
		image, err := p.image(architecture, binary, certificates)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	return mutate.Annotations(index, p.labels()).(v1.ImageIndex), nil
}

// image is the image for one architecture. It names no user: Vault takes all
// capabilities from the container, and gives it back the one that locks memory,
// or the one that a container engine without root needs, by which a user other
// than root gains nothing.
func (p product) image(architecture string, binary []byte, layers ...v1.Layer) (v1.Image, error) {
	layer, err := filesLayer(file{name: p.name, mode: 0o755, content: binary})
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.AppendLayers(image, append(layers, layer)...); err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", architecture, v1.Time{Time: time.Unix(0, 0).UTC()}
	config.Config = v1.Config{
		Entrypoint: []string{"/" + p.name},
		Env:        []string{"SSL_CERT_FILE=/" + certificatesFile},
		Labels:     p.labels(),
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, err
	}
	return mutate.Annotations(image, p.labels()).(v1.Image), nil
}

// labels are the names that the OCI gave to them.
func (p product) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       p.name,
		"org.opencontainers.image.version":     p.version,
		"org.opencontainers.image.description": "Vault and OpenBao secrets engine for ProcessMaker Platform",
		"org.opencontainers.image.licenses":    "MPL-2.0",
	}
}

// entry is the image in the layout, under the names that skopeo and Docker look
// for there.
func (p product) entry(index v1.ImageIndex) mutate.IndexAddendum {
	return mutate.IndexAddendum{Add: index, Descriptor: v1.Descriptor{Annotations: map[string]string{
		"org.opencontainers.image.ref.name": p.version,
		"io.containerd.image.name":          "docker.io/library/" + p.name + ":" + p.version,
	}}}
}

// writeArchive writes the layout that holds the index into an archive.
func writeArchive(archive string, index v1.ImageIndex) error {
	folder, err := os.MkdirTemp(filepath.Dir(archive), ".layout-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if _, err := layout.Write(folder, index); err != nil {
		return err
	}
	files, err := filesBelow(folder)
	if err != nil {
		return err
	}
	packed, err := pack(files)
	if err != nil {
		return err
	}
	return os.WriteFile(archive, packed, 0o644)
}
