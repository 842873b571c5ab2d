package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// certificatesFile is where Go and others look for the roots first.
const certificatesFile = "etc/ssl/certs/ca-certificates.crt"

// certificatesLayer is Mozilla's root certificates. A root that Mozilla trusts
// up to a date only is not among them, since the file could not say so.
func certificatesLayer() (v1.Layer, error) {
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	return filesLayer(
		file{name: "etc/", mode: 0o755}, file{name: "etc/ssl/", mode: 0o755}, file{name: "etc/ssl/certs/", mode: 0o755},
		file{name: certificatesFile, mode: 0o644, content: roots.Bytes()},
	)
}

// file is a file of an archive, or a folder where the name ends in a slash.
type file struct {
	name    string
	mode    int64
	content []byte
}

func filesLayer(files ...file) (v1.Layer, error) {
	packed, err := pack(files)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed)), nil
	}, tarball.WithMediaType(types.OCILayer))
}

// pack writes an archive in which nothing tells when, where and by whom it was
// made.
func pack(files []file) ([]byte, error) {
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	for _, one := range files {
		header := &tar.Header{
			Name: one.name, Mode: one.mode, Size: int64(len(one.content)),
			Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		}
		if one.name[len(one.name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(one.content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// filesBelow reads a folder, in the order of the names.
func filesBelow(folder string) (files []file, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		one := file{name: filepath.ToSlash(name), mode: 0o644}
		if entry.IsDir() {
			one.name, one.mode = one.name+"/", 0o755
		} else if one.content, err = os.ReadFile(path); err != nil {
			return err
		}
		files = append(files, one)
		return nil
	})
	return files, err
}
