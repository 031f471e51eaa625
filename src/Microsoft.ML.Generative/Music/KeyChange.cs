namespace Microsoft.ML.Generative.Music;

/// <summary>A key that holds from a tick on.</summary>
/// <param name="Tick">From when, at least 0.</param>
/// <param name="Key">The key.</param>
public sealed record KeyChange(long Tick, MusicKey Key);
