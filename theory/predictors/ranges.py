"""Ranges of predictors: each check gives the reasons for which a setting is not what a law was derived for."""

from __future__ import annotations

from twopeaks.theory.setting import Setting

__all__ = [
    "another_clock",
    "another_network",
    "another_task",
    "biased_sampling",
    "not_norm_descent",
    "not_square_mse",
    "not_squared_error",
]


def not_square_mse(setting: Setting) -> list[str]:
    """Why the x^2, MSE constructions do not describe this setting."""
    reasons, activation = another_task(setting), setting.network.activation
    if activation != "x^2":
        reasons.append(f"derived for x^2, not {activation}")
    reasons += not_squared_error(setting) + another_network(setting) + biased_sampling(setting)
    return reasons + another_clock(setting)


def not_squared_error(setting: Setting) -> list[str]:
    """Why the loss is another."""
    return [] if setting.loss == "mse" else [f"derived for centred MSE, not {setting.loss}"]


def biased_sampling(setting: Setting) -> list[str]:
    """Why training examples are not drawn from the whole table alike."""
    return ["derived for pairs drawn uniformly"] if setting.task.bias else []


def another_network(setting: Setting) -> list[str]:
    """Why it is not sigma(X W) V, all real and all trained."""
    network = setting.network
    if network.family != "mlp":
        return [f"derived for two layers, not a {network.family}"]
    checks = {
        f"derived for two layers, not {network.layers}": network.layers != 2,
        "derived for real weights": network.weights != "real",
        "derived for a trained output layer": network.readout != "trained",
        "derived for one-hot inputs, not embeddings": network.embedding != "one-hot",
        "derived for sums of operands, not products": network.hidden != "sum",
        "derived for outputs that are not scaled": network.output_scale != 1,
    }
    return [reason for reason, applies in checks.items() if applies]


def another_clock(setting: Setting) -> list[str]:
    """Why the rate is not constant, so that a step is not always the same piece of time."""
    schedule = setting.optimizer.schedule
    return [] if schedule == "constant" else [f"derived for a constant rate, not a {schedule} schedule"]


def another_task(setting: Setting) -> list[str]:
    """Why what is learned is not the table of a group, each label of it true."""
    reasons, task = [], setting.task
    if task.labels == "random":
        reasons.append("random labels have nothing to generalise")
    if task.operands != 2:
        reasons.append(f"derived for products of two, not of {task.operands}")
    if task.noise:
        reasons.append("derived for labels without noise")
    return reasons


def not_norm_descent(setting: Setting) -> list[str]:
    """Why training does not descend the norm on which the heights rest."""
    reasons = []
    if setting.optimizer.weight_decay == 0:
        reasons.append("no weight decay, so nothing lowers the norm")
    if setting.optimizer.decoupled:
        reasons.append("decoupled decay descends another function than the norm")
    return reasons
