using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>What a level of a U-Net is made of.</summary>
internal enum UNetBlockKind
{
    /// <summary>Residual blocks; a convolution of stride 2 down, or one after nearest neighbors up.</summary>
    Plain,

    /// <summary>An attention after each residual block.</summary>
    Attention,

    /// <summary>Residual blocks, of which the last changes the size (Dhariwal, Nichol 2021).</summary>
    Resampling,
}

/// <summary>The function between a U-Net's layers.</summary>
internal enum UNetActivation
{
    Silu,
    Mish,
    Gelu,
    Relu,
}

/// <summary>The form of a U-Net, with the terms of diffusers' <c>UNet2DModel</c>; sizes are channels.</summary>
internal sealed record UNetArchitecture
{
    public required int InChannels { get; init; }

    public required int OutChannels { get; init; }

    public required int[] BlockOutChannels { get; init; }

    public required UNetBlockKind[] DownBlocks { get; init; }

    /// <summary>From the coarsest level up.</summary>
    public required UNetBlockKind[] UpBlocks { get; init; }

    public bool HasMidBlock { get; init; } = true;

    public bool HasMidAttention { get; init; } = true;

    public int LayersPerBlock { get; init; } = 2;

    public bool CenterInputSample { get; init; }

    public int? TimeEmbeddingSize { get; init; }

    public double FrequencyShift { get; init; }

    public bool FlipSinToCos { get; init; } = true;

    /// <summary>Timesteps with a learned vector each, in place of sines and cosines.</summary>
    public int? LearnedTimesteps { get; init; }

    public double MidBlockScaleFactor { get; init; } = 1;

    public int DownsamplePadding { get; init; } = 1;

    /// <summary>Whether levels with attention change their size by a residual block.</summary>
    public bool AttentionDownsamplesByResidual { get; init; }

    /// <inheritdoc cref="AttentionDownsamplesByResidual"/>
    public bool AttentionUpsamplesByResidual { get; init; }

    public double Dropout { get; init; }

    /// <summary>Between the layers of residual blocks.</summary>
    public UNetActivation Activation { get; init; } = UNetActivation.Silu;

    /// <summary>
    /// Before the last convolution: diffusers has SiLU there, and between the layers that the time goes through, whatever it has
    /// elsewhere.
    /// </summary>
    public UNetActivation OutputActivation { get; init; } = UNetActivation.Silu;

    /// <summary>Channels of an attention head; <see langword="null"/>: one head.</summary>
    public int? AttentionHeadSize { get; init; } = 8;

    public int NormGroups { get; init; } = 32;

    public int? MidAttentionNormGroups { get; init; }

    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Whether the time scales and shifts what the second normalization gives, in place of being added before it.</summary>
    public bool ScalesAndShifts { get; init; }

    /// <summary>Classes, each with a vector that is added to that of the time; 0: none.</summary>
    public int ClassCount { get; init; }

    /// <summary>Vectors for each class that attention layers look at, beside the sum with the time; 0: none.</summary>
    public int ContextTokens { get; init; }

    [JsonIgnore]
    public int Levels => BlockOutChannels.Length;

    [JsonIgnore]
    public int EmbeddingSize => TimeEmbeddingSize ?? 4 * BlockOutChannels[0];

    /// <summary>Height and width have to be multiples of this.</summary>
    [JsonIgnore]
    public int Granularity => 1 << Levels - 1;

    /// <exception cref="ArgumentException">The parts contradict each other.</exception>
    public void Validate()
    {
        OptionChecks.AtLeast(InChannels, 1);
        OptionChecks.AtLeast(OutChannels, 1);
        OptionChecks.AllAtLeast(BlockOutChannels, 1);
        OptionChecks.Between(Levels, 1, 16, nameof(BlockOutChannels));
        OptionChecks.Between(LayersPerBlock, 1, 64);
        OptionChecks.AtLeast(NormGroups, 1);
        OptionChecks.AtLeast(MidAttentionNormGroups, 1);
        OptionChecks.Positive(NormEpsilon);
        OptionChecks.Positive(MidBlockScaleFactor);
        OptionChecks.Between(DownsamplePadding, 0, 1);
        OptionChecks.AtLeast(AttentionHeadSize, 1);
        OptionChecks.AtLeast(ClassCount, 0);
        OptionChecks.AtLeast(ContextTokens, 0);
        OptionChecks.AtLeast(LearnedTimesteps, 1);
        OptionChecks.AtLeast(TimeEmbeddingSize, 1);
        OptionChecks.Defined(Activation);
        OptionChecks.Defined(OutputActivation);
        if (BlockOutChannels[0] < 2)
            throw new ArgumentException(
                $"{nameof(BlockOutChannels)} begins with {BlockOutChannels[0]}; expected at least 2, a sine and a cosine.");
        if (FrequencyShift >= BlockOutChannels[0] / 2)
            throw new ArgumentException(
                $"{nameof(FrequencyShift)} is {FrequencyShift}; expected less than half of {BlockOutChannels[0]} channels.");
        if (DownBlocks.Length != Levels || UpBlocks.Length != Levels)
            throw new ArgumentException(
                $"{Levels} levels cannot be combined with {DownBlocks.Length} blocks down and {UpBlocks.Length} up.");
        if (ContextTokens > 0 && ClassCount == 0)
            throw new ArgumentException($"{nameof(ContextTokens)} is {ContextTokens}, but there are no classes.");
        foreach (UNetBlockKind kind in DownBlocks.Concat(UpBlocks))
            OptionChecks.Defined(kind);
        foreach (int channels in BlockOutChannels)
            Divides(channels, NormGroups, "norm groups");
        for (int level = 0; level < Levels; level++)
        {
            if (DownBlocks[level] == UNetBlockKind.Attention || UpBlocks[Levels - 1 - level] == UNetBlockKind.Attention
                || (HasMidBlock && HasMidAttention && level == Levels - 1))
                Divides(BlockOutChannels[level], AttentionHeadSize ?? BlockOutChannels[level], "channels an attention head");
        }

        if (HasMidBlock && HasMidAttention)
            Divides(BlockOutChannels[^1], MidAttentionNormGroups ?? 1, "norm groups of the middle's attention");
    }

    private static void Divides(int channels, int parts, string what)
    {
        if (channels % parts != 0)
            throw new ArgumentException($"{channels} channels cannot be divided by {parts} {what}.");
    }
}
