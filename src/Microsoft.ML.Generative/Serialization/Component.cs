using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>How a component's weights came about.</summary>
internal enum ComponentKind
{
    /// <summary>All of them were trained.</summary>
    Full,

    /// <summary>They change those of another component, which is frozen.</summary>
    Adapter,

    /// <summary>They are those of another model; the file notes their SHA-256.</summary>
    Frozen,
}

/// <summary>A named part of a model, whose weights are an entry of their own in the model's file.</summary>
/// <param name="Name">The name: small letters, digits and hyphens.</param>
/// <param name="Kind">How its weights came about.</param>
internal abstract record Component(string Name, ComponentKind Kind)
{
    private const string Extension = ".safetensors";

    /// <summary>The entry of its weights.</summary>
    public string Entry => Name + Extension;

    /// <summary>Creates the module, with weights from libtorch's own generator.</summary>
    public abstract torch.nn.Module CreateModule();
}

/// <inheritdoc/>
/// <param name="Name">The name: small letters, digits and hyphens.</param>
/// <param name="Create">Creates the module, with weights from libtorch's own generator.</param>
/// <param name="Kind">How its weights came about.</param>
internal sealed record Component<TModule>(string Name, Func<TModule> Create, ComponentKind Kind = ComponentKind.Full)
    : Component(Name, Kind)
    where TModule : torch.nn.Module
{
    public override torch.nn.Module CreateModule() => Create();
}
