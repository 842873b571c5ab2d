# A token for one Terraform run, which is never stored in the state. The role needs
# renew_mode=none, because the path here cannot have parameters.

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

# The provider uses a child token with this ttl, and the end of that token ends the
# lease. The ttl has to cover the longest run. The default is 20 minutes.
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
