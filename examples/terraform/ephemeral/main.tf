# A token for one Terraform run, never in the state. Written from the source and
# the documentation of the Vault provider (commits 33c8cb8 and 88398b1: a release
# that has the ephemeral vault_generic_secret); needs Terraform 1.10 or later. The
# role is one with renew_mode=none: the path cannot carry parameters here.

terraform {
  required_version = ">= 1.10"
  required_providers {
    vault = {
      source = "hashicorp/vault"
    }
    restapi = {
      source = "Mastercard/restapi"
    }
  }
}

# The provider works with a child token of this life, and what was read dies with
# it: it has to cover the longest run. The default is 20 minutes.
provider "vault" {
  max_lease_ttl_seconds = 3600
}

ephemeral "vault_generic_secret" "processmaker" {
  path = "processmaker/creds/ci"
}

provider "restapi" {
  uri = "https://bpm.example.com/api/1.0"
  headers = {
    Authorization = "Bearer ${ephemeral.vault_generic_secret.processmaker.data["access_token"]}"
  }
}
