"""Makes light models of Meta-World for stepping and draws with whole models.

A stock model takes 20 MB and 0.1 s to load, nearly all for meshes and textures
that are only drawn. A light model takes 3 MB. Its physics is the same: the
parts that it lacks collide with nothing and weigh nothing (the mass of a body
is given, or comes from geoms of other groups). Bodies, joints and sites keep
their numbers, and all named parts keep their names.
"""

from typing import Any, Callable, Dict, Optional, Tuple

from distillery.environments import rendering
import mujoco
import numpy as np


def compile_light(spec: mujoco.MjSpec) -> mujoco.MjModel:
  """Compiles a model without the parts that are only drawn.

  Args:
    spec: the spec of the whole model. Its parts are deleted, too.

  Returns:
    The model, without cameras, lights, textures and unnamed geoms that do not
    collide. Named geoms stay, since rewards and observations read their places.
  """
  needed, unneeded = set(), []
  for geom in spec.geoms:
    geom.material = ''
    if not (geom.name or geom.contype or geom.conaffinity):
      unneeded.append(geom)
    elif geom.type == mujoco.mjtGeom.mjGEOM_MESH:
      needed.add(geom.meshname)
  for site in spec.sites:
    site.material = ''
  unneeded += [mesh for mesh in spec.meshes if mesh.name not in needed]
  for element in [
      *unneeded,
      *spec.materials,
      *spec.textures,
      *spec.cameras,
      *spec.lights,
  ]:
    element.delete()
  return spec.compile()


class _Element:
  """A named body, geom, site or joint of the data that keeps its views.

  The arrays are views of the simulator's memory, which never moves. So they
  always show the present state, as the arrays of the original accessor do.
  """

  def __init__(self, accessor: Any):
    self.__dict__['_accessor'] = accessor

  def __getattr__(self, name: str) -> Any:
    value = getattr(self._accessor, name)
    self.__dict__[name] = value
    return value

  def __setattr__(self, name: str, value: Any) -> None:
    setattr(self._accessor, name, value)


class FastData(mujoco.MjData):
  """An MjData that caches its named access."""

  def __init__(self, model: mujoco.MjModel):
    super().__init__(model)
    self._elements: Dict[Tuple[str, Any], _Element] = {}

  def _element(self, kind: str, key: Any) -> _Element:
    element = self._elements.get((kind, key))
    if element is None:
      element = _Element(getattr(super(), kind)(key))
      self._elements[kind, key] = element
    return element

  def body(self, key: Any) -> _Element:
    """Returns `MjData.body(key)`; the key is a name or a number."""
    return self._element('body', key)

  def geom(self, key: Any) -> _Element:
    """Returns `MjData.geom(key)`; the key is a name or a number."""
    return self._element('geom', key)

  def site(self, key: Any) -> _Element:
    """Returns `MjData.site(key)`; the key is a name or a number."""
    return self._element('site', key)

  def joint(self, key: Any) -> _Element:
    """Returns `MjData.joint(key)`; the key is a name or a number."""
    return self._element('joint', key)


class Painter:
  """A painter that draws the state of a light model with the whole model."""

  def __init__(self, make_model: Callable[[], mujoco.MjModel]):
    """Keeps `make_model`, which makes the whole model at the first picture."""
    self._make_model = make_model
    self._size: Optional[Tuple[int, int]] = None
    self._renderer: Optional[mujoco.Renderer] = None

  def draw(
      self,
      model: mujoco.MjModel,
      data: mujoco.MjData,
      *,
      height: int,
      width: int,
      camera: Any,
  ) -> np.ndarray:
    """Draws the present state; the first picture takes a second.

    Args:
      model: the light model, whose bodies and sites a task may have moved.
      data: the state of the light model.
      height: the height of the picture, in pixels.
      width: the width of the picture, in pixels.
      camera: the name or the number of the camera.

    Returns:
      The picture, uint8 [height, width, 3], with the table below the arm: the
      picture of a camera that is mounted upside down is turned.

    Raises:
      OSError: if nothing can be drawn on this machine.
    """
    if self._renderer is None or self._size != (height, width):
      self._renderer = self._open(height, width)
    self._model.body_pos[:] = model.body_pos
    self._model.site_pos[:] = model.site_pos
    self._data.qpos[:] = data.qpos
    self._data.mocap_pos[:] = data.mocap_pos
    self._data.mocap_quat[:] = data.mocap_quat
    mujoco.mj_forward(self._model, self._data)
    self._renderer.update_scene(self._data, camera=camera)
    picture = self._renderer.render()
    # The last row of a camera's orientation has the z components of its right,
    # up and backward axes.
    upside_down = self._data.camera(camera).xmat[7] < 0
    return picture[::-1, ::-1].copy() if upside_down else picture

  def _open(self, height: int, width: int) -> mujoco.Renderer:
    self.close()
    self._model = self._make_model()
    self._data = mujoco.MjData(self._model)
    renderer = rendering.open_renderer(self._model, height, width)
    self._size = height, width
    return renderer

  def close(self) -> None:
    """Closes the renderer, if there is one."""
    if self._renderer is not None:
      self._renderer.close()
      self._renderer = self._size = None
