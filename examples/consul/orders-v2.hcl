# Everybody who calls orders calls instances of version 2 alone.
Kind          = "service-resolver"
Name          = "orders"
DefaultSubset = "v2"
Subsets = {
  v2 = {
    Filter = "Service.Meta.version == \"2\""
  }
}
