namespace Microsoft.ML.Generative.Tests;
public class ProbeTests { [Fact] public void Seed() => Assert.Equal(3, Probe.Seed(new MLContext(3))); }
