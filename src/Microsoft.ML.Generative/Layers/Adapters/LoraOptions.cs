using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers.Adapters;

namespace Microsoft.ML.Generative;

/// <summary>
/// Options of low-rank adaptation (LoRA; Hu et al. 2021): the weights of the base model stay as they are, and a pair of small matrices
/// beside each chosen weight is trained, W + s B A.
/// </summary>
/// <remarks>
/// The names of modules are those that the page on adapters lists, such as <c>blocks.0.attention.query</c>, or those that transformers,
/// diffusers and PEFT have for the same network, such as <c>model.layers.0.self_attn.q_proj</c>. The end of a name from a dot on stands
/// for all that end like it: <c>query</c> or <c>q_proj</c> are the queries of all blocks.
/// </remarks>
/// <example>
/// <code>
/// var lora = new LoraOptions { Rank = 8, Alpha = 16, TargetModules = ["query", "value"] };
/// </code>
/// </example>
public sealed class LoraOptions
{
    internal static class Defaults
    {
        public const string Name = "default";
        public const int Rank = 8;
        public const double Alpha = 16;
    }

    /// <summary>
    /// Stands in <see cref="TargetModules"/> for all linear layers of the blocks: not for those before and after them, such as the output
    /// layer.
    /// </summary>
    public const string AllLinear = "all-linear";

    /// <summary>Stands in <see cref="TargetModules"/> for all convolutions of the blocks of a U-Net.</summary>
    public const string AllConvolutions = "all-convolutions";

    /// <summary>The adapter's name, which distinguishes it from others of the same model. Default: default.</summary>
    public string Name { get; set; } = Defaults.Name;

    /// <summary>The rank of B A, at least 1. Default: 8.</summary>
    public int Rank { get; set; } = Defaults.Rank;

    /// <summary>The scale of the change times the rank: s = α / rank, above 0. Default: 16.</summary>
    public double Alpha { get; set; } = Defaults.Alpha;

    /// <summary>
    /// The part of an adapter's inputs that is dropped at random while training, 0 to below 1; not of embeddings. Default: 0.
    /// </summary>
    public double Dropout { get; set; }

    /// <summary>The names of the modules that get an adapter. Default: <see cref="AllLinear"/>.</summary>
    public string[] TargetModules { get; set; } = [AllLinear];

    /// <summary>
    /// A regular expression in place of <see cref="TargetModules"/>: the modules whose whole name it matches get an adapter. It may not
    /// look ahead or behind or refer back. Default: none.
    /// </summary>
    public string? TargetPattern { get; set; }

    /// <summary>The names of modules that get no adapter although they are targets. Default: none.</summary>
    public string[] ExcludeModules { get; set; } = [];

    /// <summary>Which biases are trained with the adapters. Default: <see cref="LoraBias.None"/>.</summary>
    public LoraBias Bias { get; set; }

    /// <summary>
    /// Whether s = α / √rank (rsLoRA; Kalajdzievski 2023), which keeps higher ranks as strong as lower ones. Default: false.
    /// </summary>
    public bool UseRsLora { get; set; }

    /// <summary>
    /// Whether the lengths of a weight's rows are learned apart from their directions (DoRA; Liu et al. 2024). Better with low ranks,
    /// slower in training. Default: false.
    /// </summary>
    public bool UseDora { get; set; }

    /// <summary>
    /// Other ranks for some of the modules, by a regular expression for the end of their names, from a dot on: <c>value</c>, or
    /// <c>blocks\.0\.attention\.value</c>. The first that matches counts. Default: none.
    /// </summary>
    public IDictionary<string, int> RankPattern { get; set; } = new Dictionary<string, int>();

    /// <summary>Other values of <see cref="Alpha"/> for some of the modules, as in <see cref="RankPattern"/>. Default: none.</summary>
    public IDictionary<string, double> AlphaPattern { get; set; } = new Dictionary<string, double>();

    /// <summary>
    /// The names of modules that are trained as a whole beside the adapters, and saved with them: the token embedding (<c>tokens</c>),
    /// the output layer (<c>head</c>), a normalization (<c>norm</c>). Default: none.
    /// </summary>
    public string[] ModulesToSave { get; set; } = [];

    /// <summary>
    /// How the matrices begin. For an embedding, A is always zero and B normal at first. Default:
    /// <see cref="LoraInitialization.Default"/>.
    /// </summary>
    public LoraInitialization Initialization { get; set; }

    internal LoraOptions Copy()
    {
        var copy = (LoraOptions)MemberwiseClone();
        copy.TargetModules = [.. TargetModules ?? []];
        copy.ExcludeModules = [.. ExcludeModules ?? []];
        copy.ModulesToSave = [.. ModulesToSave ?? []];
        copy.RankPattern = new Dictionary<string, int>(RankPattern ?? new Dictionary<string, int>());
        copy.AlphaPattern = new Dictionary<string, double>(AlphaPattern ?? new Dictionary<string, double>());
        return copy;
    }

    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    internal void Validate()
    {
        OptionChecks.NotEmpty(Name);
        OptionChecks.AtLeast(Rank, 1);
        OptionChecks.Positive(Alpha);
        OptionChecks.Below(Dropout, 1);
        OptionChecks.Defined(Bias);
        OptionChecks.Defined(Initialization);
        OptionChecks.NullOrNotEmpty(TargetPattern);
        foreach (string name in TargetModules)
            OptionChecks.NotEmpty(name, nameof(TargetModules));
        foreach (string name in ExcludeModules)
            OptionChecks.NotEmpty(name, nameof(ExcludeModules));
        foreach (string name in ModulesToSave)
            OptionChecks.NotEmpty(name, nameof(ModulesToSave));
        bool isDefault = TargetModules is [AllLinear];
        if (TargetPattern is not null && !isDefault)
        {
            throw new ArgumentException(
                $"{nameof(TargetPattern)} is '{TargetPattern}', and {nameof(TargetModules)} are '{string.Join("', '", TargetModules)}'; "
                + "expected one of them.",
                nameof(TargetPattern));
        }

        if (TargetPattern is { } target)
            ModuleNames.Compile(target, nameof(TargetPattern));
        foreach ((string pattern, int rank) in RankPattern)
        {
            ModuleNames.Compile(pattern, nameof(RankPattern));
            OptionChecks.AtLeast(rank, 1, nameof(RankPattern));
        }

        foreach ((string pattern, double alpha) in AlphaPattern)
        {
            ModuleNames.Compile(pattern, nameof(AlphaPattern));
            OptionChecks.Positive(alpha, nameof(AlphaPattern));
        }

        if (Initialization != LoraInitialization.Orthogonal)
            return;
        if (RankPattern.Values.Append(Rank).FirstOrDefault(rank => rank % 2 != 0) is > 0 and var odd)
        {
            throw new ArgumentException(
                $"{nameof(Rank)} is {odd}; {nameof(LoraInitialization)}.{Initialization} needs an even one.", nameof(Rank));
        }
    }
}
