#pragma warning disable
namespace Microsoft.ML.Generative;
/// <summary>x</summary>
public sealed class HeunScheduler : DdimScheduler;
