using TorchSharp;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>A network as PEFT sees it.</summary>
/// <param name="Network">The network without adapters.</param>
/// <param name="Modules">Its modules, whose foreign names are those that PEFT finds them by.</param>
/// <param name="Task">PEFT's name of what the model is for, or <see langword="null"/>.</param>
internal sealed record PeftNetwork(torch.nn.Module Network, AdaptableNetwork Modules, string? Task)
{
    public const string CausalLanguageModel = "CAUSAL_LM";
    public const string SequenceToSequence = "SEQ_2_SEQ_LM";
    public const string FeatureExtraction = "FEATURE_EXTRACTION";
    public const string SequenceClassification = "SEQ_CLS";

    // PEFT puts them among the modules to save of every classifier, whatever its modules are called.
    private static readonly string[] _usualHeads = ["classifier", "score"];

    /// <summary>Whether the library of the base model has its weights as [inputs, outputs].</summary>
    public bool IsTransposed { get; init; }

    /// <summary>The order of rows in files; <see langword="null"/>: that of the network.</summary>
    public PeftRowOrder? Order { get; init; }

    /// <summary>
    /// Gives what stands on the network and is trained as a whole beside the adapter: views of its tensors, by their names in files. They
    /// live until the caller's scope ends.
    /// </summary>
    public Func<IReadOnlyList<(string Name, torch.Tensor Tensor)>> Head { get; init; } = () => [];

    /// <summary>The names of the modules in <see cref="Head"/>, as PEFT's configuration has them.</summary>
    public string[] HeadModules { get; init; } = [];

    /// <summary>
    /// Gives tensors that files may have beside these, although they are others of the network or the head: a tied output layer. They live
    /// until the caller's scope ends.
    /// </summary>
    public Func<IReadOnlyList<(string Name, torch.Tensor Tensor)>> Tied { get; init; } = () => [];

    public torch.Device Device => Network.parameters().First().device;

    /// <summary>
    /// The network with what a file has of the head, which options name among the modules to save; they name it no longer.
    /// </summary>
    public PeftNetwork WithHeadOf(LoraOptions options)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        string[] names = [.. Head().Select(tensor => tensor.Name)];
        HashSet<string> saved = [.. names.Where(name => options.ModulesToSave.Any(module => IsIn(name, module)))];
        options.ModulesToSave = [.. options.ModulesToSave.Where(module => !names.Any(name => IsIn(name, module))
            && !(Task == SequenceClassification && _usualHeads.Contains(module)))];
        return this with { Head = () => [.. Head().Where(tensor => saved.Contains(tensor.Name))] };
    }

    // Whether a tensor is in a module whose name ends so.
    private static bool IsIn(string tensor, string module)
    {
        string[] parts = tensor.Split('.');
        return Enumerable.Range(1, parts.Length - 1).Any(length => ModuleNames.Ends(string.Join('.', parts[..length]), module));
    }
}

/// <summary>Tensors whose rows are in another order in files.</summary>
/// <param name="IsOther">Whether a tensor of this name is one of them.</param>
/// <param name="ToFile">The rows as files have them.</param>
/// <param name="FromFile">The rows as the network has them.</param>
internal sealed record PeftRowOrder(
    Predicate<string> IsOther, Func<torch.Tensor, torch.Tensor> ToFile, Func<torch.Tensor, torch.Tensor> FromFile);
