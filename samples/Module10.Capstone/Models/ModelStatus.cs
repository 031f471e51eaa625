namespace Module10.Models;

/// <summary>How far a model is, as the page shows it.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="State">What happens to it.</param>
/// <param name="Step">Steps of its training that are done.</param>
/// <param name="TotalSteps">Steps of its training.</param>
/// <param name="SecondsLeft">How long the training will take.</param>
/// <param name="Curve">Steps and losses of the training.</param>
/// <param name="Error">Why there is no model.</param>
internal sealed record ModelStatus(
    string Name, ModelState State, long Step = 0, long TotalSteps = 0, double SecondsLeft = 0,
    IReadOnlyList<double[]>? Curve = null, string? Error = null);
