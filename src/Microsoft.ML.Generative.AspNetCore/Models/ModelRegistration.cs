namespace Microsoft.ML.Generative.AspNetCore.Models;

/// <summary>A model that is to be served.</summary>
/// <param name="Name">The name in requests.</param>
/// <param name="Load">Loads it.</param>
/// <param name="IsOwned">Whether the server disposes of it.</param>
internal sealed record ModelRegistration(string Name, Func<ITransformer> Load, bool IsOwned);
