namespace Microsoft.ML.Generative.Serialization;

/// <summary>How a kind of model is named in model files, and what has become of its format.</summary>
/// <param name="Name">Its name in <c>config.json</c>, such as "vae".</param>
/// <param name="Signature">Its eight characters in ML.NET's header.</param>
/// <param name="Loader">What ML.NET finds the transformer's loader by.</param>
/// <param name="Version">The version that is written.</param>
/// <param name="DefinitionVersion">
/// The first version whose <c>config.json</c> holds a definition; before, it held the options of the training.
/// </param>
/// <param name="OldestVersion">The oldest that is read.</param>
internal sealed record ModelFormat(
    string Name, string Signature, string Loader, uint Version = ModelFormat.FirstDefinition,
    uint DefinitionVersion = ModelFormat.FirstDefinition,
    uint OldestVersion = 0x00010001)
{
    /// <summary>The first version of files that hold a definition.</summary>
    public const uint FirstDefinition = 0x00020001;

    /// <summary>The header's fields.</summary>
    public VersionInfo Header => new(
        modelSignature: Signature,
        verWrittenCur: Version,
        verReadableCur: Version,
        verWeCanReadBack: OldestVersion,
        loaderSignature: Loader,
        loaderAssemblyName: typeof(ModelFormat).Assembly.FullName);
}
