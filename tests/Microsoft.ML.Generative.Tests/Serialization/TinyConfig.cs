namespace Microsoft.ML.Generative.Tests;

public enum TinyShape
{
    Round,
    Square,
}

public sealed class TinyConfig
{
    public int LatentSize { get; init; } = 20;

    public float Beta { get; init; } = 1;

    public TinyShape Shape { get; init; } = TinyShape.Square;

    public int[] HiddenSizes { get; init; } = [400];

    public string? Note { get; init; }
}
