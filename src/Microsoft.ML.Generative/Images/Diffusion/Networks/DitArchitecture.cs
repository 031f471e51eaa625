using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>The form of a diffusion transformer.</summary>
internal sealed record DitArchitecture
{
    // Sines and cosines of a time (Peebles, Xie 2023).
    public const int FrequencySize = 256;

    public required int InChannels { get; init; }

    public required int OutChannels { get; init; }

    public required int Height { get; init; }

    public required int Width { get; init; }

    /// <summary>Pixels of a patch's side.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Values of a patch's vector.</summary>
    public required int HiddenSize { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    /// <summary>Classes; 0: none.</summary>
    public int ClassCount { get; init; }

    public double Dropout { get; init; }

    /// <exception cref="ArgumentException">The parts contradict each other.</exception>
    public void Validate()
    {
        OptionChecks.AtLeast(InChannels, 1);
        OptionChecks.AtLeast(OutChannels, 1);
        OptionChecks.AtLeast(PatchSize, 1);
        OptionChecks.AtLeast(Layers, 1);
        OptionChecks.AtLeast(Heads, 1);
        OptionChecks.AtLeast(ClassCount, 0);
        if (HiddenSize < 4 || HiddenSize % 4 != 0 || HiddenSize % Heads != 0)
            throw new ArgumentException(
                $"{nameof(HiddenSize)} is {HiddenSize}; expected a multiple of 4, sines and cosines of rows and "
                + $"columns, and of {Heads} heads.");
        if (Height < 1 || Width < 1 || Height % PatchSize != 0 || Width % PatchSize != 0)
            throw new ArgumentException($"Images of {Width}×{Height} pixels cannot be cut into patches of {PatchSize}×{PatchSize}.");
    }
}
