namespace Microsoft.ML.Generative.Training;

/// <summary>A loop's part of a training that has several.</summary>
/// <param name="Name">The name in reports, such as "autoencoder"; <see langword="null"/>: there is one part.</param>
/// <param name="LaterSteps">The steps of the parts after it.</param>
internal readonly record struct TrainingStage(string? Name, long LaterSteps);
