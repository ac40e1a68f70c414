"""One network: parameters, data, forward pass, loss, exact gradients, and the device it lives on."""
