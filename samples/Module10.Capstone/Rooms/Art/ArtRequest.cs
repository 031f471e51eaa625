using Microsoft.ML.Generative;
using Module10.Http;

namespace Module10.Rooms.Art;

/// <summary>What a visitor asks of the model of images.</summary>
internal sealed record ArtRequest
{
    private const int MostImages = 9;
    private const int MostSteps = 100;
    private const double MostGuidance = 10;
    private const int MostCharacters = 200;

    /// <summary>The samplers that a visitor may choose. Inpainting works with all but Heun and PNDM, whose steps overlap.</summary>
    public static readonly string[] Samplers =
    [
        nameof(DiffusionSampler.DpmSolver), nameof(DiffusionSampler.UniPc), nameof(DiffusionSampler.Ddim), nameof(DiffusionSampler.Ddpm),
        nameof(DiffusionSampler.Euler), nameof(DiffusionSampler.EulerAncestral), nameof(DiffusionSampler.Heun),
        nameof(DiffusionSampler.Lms), nameof(DiffusionSampler.Pndm),
    ];

    /// <summary>Widths of the images that are sent, in pixels.</summary>
    public static readonly int[] Sizes = [24, 120, 240, 480];

    public string Prompt { get; init; } = "";

    public double Guidance { get; init; } = 2;

    public int Steps { get; init; } = 20;

    public string Sampler { get; init; } = nameof(DiffusionSampler.DpmSolver);

    public int Seed { get; init; } = 1;

    public int Count { get; init; } = 4;

    public int Size { get; init; } = 240;

    /// <summary>An image to begin with, as the URL of its data.</summary>
    public string? Image { get; init; }

    /// <summary>White where to paint again, as the URL of its data.</summary>
    public string? Mask { get; init; }

    /// <summary>How much of the image may change, above 0 to 1.</summary>
    public double Strength { get; init; } = 0.6;

    /// <summary>Where a walk ends.</summary>
    public string ToPrompt { get; init; } = "";

    /// <summary>The seed of the image at the end of a walk.</summary>
    public int ToSeed { get; init; } = 2;

    /// <exception cref="VisitorException">A value is out of its range.</exception>
    public void Validate()
    {
        Check(Prompt.Length <= MostCharacters && ToPrompt.Length <= MostCharacters, $"A prompt has at most {MostCharacters} characters.");
        Check(Guidance is >= 1 and <= MostGuidance, $"Guidance is {Guidance}; expected 1 to {MostGuidance}.");
        Check(Steps is >= 1 and <= MostSteps, $"Steps are {Steps}; expected 1 to {MostSteps}.");
        Check(Samplers.Contains(Sampler), $"There is no such sampler; expected one of {string.Join(", ", Samplers)}.");
        Check(Seed >= 0 && ToSeed >= 0, "A seed is a whole number from 0.");
        Check(Count is >= 1 and <= MostImages, $"The number of images is {Count}; expected 1 to {MostImages}.");
        Check(Sizes.Contains(Size), $"The size is {Size}; expected one of {string.Join(", ", Sizes)}.");
        Check(Strength is > 0 and <= 1, $"The strength is {Strength}; expected above 0 to 1.");
    }

    private static void Check(bool condition, string message)
    {
        if (!condition)
            throw new VisitorException(400, message);
    }
}
